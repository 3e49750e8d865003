//! One connection to one host, by the way that its address asks for.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::dns::{NoAddress, Resolver};
use crate::error::Error;
use crate::host::{HostPort, Scheme};
use crate::proxy::{connect_request, tunnel_is_open, Proxies, Proxy};
use crate::tls::Tls;

/// How long one address may take before the next is tried beside it (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);
const MAX_PROXY_HEAD: usize = 16 << 10;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoConnection {
    #[error("the host name does not exist; check its spelling, or the machine's name server")]
    UnknownName,
    #[error("the host name cannot be resolved: {0}")]
    Resolver(String),
    #[error("no connection: {0}")]
    Refused(io::Error),
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("TLS: {0}{fix}", fix = tls_fix(.0))]
    Tls(io::Error),
    #[error("the proxy {0} opens no tunnel: {1}")]
    Proxy(HostPort, String),
    #[error(transparent)]
    Setup(#[from] Error),
}

fn tls_fix(error: &io::Error) -> &'static str {
    match error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            "; name its certificate authority with --ca FILE"
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "; the port seems to speak plain HTTP: allow that with --plain-http HOST"
        }
        _ => "",
    }
}

impl NoConnection {
    /// Whether the port gave up, was silent or spoke something else; a certificate that is
    /// refused is TLS.
    pub(crate) fn is_not_tls(&self) -> bool {
        match self {
            Self::Tls(e) => !matches!(
                e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()),
                Some(rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_))
            ),
            Self::Timeout(_) => true,
            _ => false,
        }
    }

    /// Whether trying again can help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Resolver(_) | Self::Timeout(_) => true,
            Self::Refused(e) => e.kind() != io::ErrorKind::ConnectionRefused,
            // A certificate stays wrong; a handshake that was cut may not.
            Self::Tls(e) => e.get_ref().is_none_or(|e| !e.is::<rustls::Error>()),
            Self::UnknownName | Self::Proxy(..) | Self::Setup(_) => false,
        }
    }
}

/// Makes connections.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    resolver: Resolver,
    proxies: Proxies,
    tls: Arc<Tls>,
    patience: Duration,
}

impl Connector {
    pub(crate) fn new(tls: Arc<Tls>, patience: Duration) -> Result<Self, Error> {
        Ok(Self {
            inner: Arc::new(Inner {
                resolver: Resolver::default(),
                proxies: Proxies::from_environment()?,
                tls,
                patience,
            }),
        })
    }

    /// The proxy that an address is asked by with its absolute form, if it is: then the
    /// proxy's password goes into the request.
    pub(crate) fn forward_proxy(&self, scheme: Scheme, host: &HostPort) -> Option<&Proxy> {
        match scheme {
            Scheme::Http => self.inner.proxies.of(scheme, host),
            Scheme::Https => None,
        }
    }
}

impl Service<http::Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = NoConnection;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NoConnection>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoConnection>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let scheme = if uri.scheme_str() == Some("https") {
                Scheme::Https
            } else {
                Scheme::Http
            };
            let host: HostPort = uri
                .authority()
                .map(http::uri::Authority::as_str)
                .unwrap_or_default()
                .parse()?;
            let stream = inner.within(inner.connect(scheme, &host, Through::Either));
            stream.await.map(TokioIo::new)
        })
    }
}

impl Connector {
    /// A connection that is the host's alone, whatever is spoken on it.
    pub(crate) async fn alone(
        &self,
        scheme: Scheme,
        host: &HostPort,
    ) -> Result<Stream, NoConnection> {
        let inner = &self.inner;
        inner
            .within(inner.connect(scheme, host, Through::Tunnel))
            .await
    }
}

/// What a proxy is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Through {
    /// To pass on plain requests, and to open a tunnel for TLS.
    Either,
    /// A tunnel, for it may pass on no more than HTTP/1.
    Tunnel,
}

impl Inner {
    async fn within(
        &self,
        connecting: impl Future<Output = Result<Stream, NoConnection>>,
    ) -> Result<Stream, NoConnection> {
        match timeout(self.patience, connecting).await {
            Ok(stream) => stream,
            Err(_) => Err(NoConnection::Timeout(self.patience)),
        }
    }

    async fn connect(
        &self,
        scheme: Scheme,
        host: &HostPort,
        through: Through,
    ) -> Result<Stream, NoConnection> {
        let port = host.port().unwrap_or(scheme.port());
        let tunnelled = scheme == Scheme::Https || through == Through::Tunnel;
        // Tunnels are what the proxy for https is for, whatever goes through them.
        let proxy = self.proxies.of(
            if tunnelled {
                Scheme::Https
            } else {
                Scheme::Http
            },
            host,
        );
        let tcp = match proxy {
            None => self.tcp(host.host(), port).await?,
            Some(proxy) => {
                let mut tcp = self.tcp(proxy.host.host(), proxy.port()).await?;
                if tunnelled {
                    tunnel(&mut tcp, proxy, host.host(), port).await?;
                }
                tcp
            }
        };
        match scheme {
            Scheme::Http => Ok(Stream::Plain {
                tcp,
                forwarded: proxy.is_some() && !tunnelled,
            }),
            Scheme::Https => {
                let config = self.tls.of(host)?;
                let name = ServerName::try_from(host.host().to_owned())
                    .map_err(|e| NoConnection::Tls(io::Error::other(e)))?;
                let tls = TlsConnector::from(config)
                    .connect(name, tcp)
                    .await
                    .map_err(NoConnection::Tls)?;
                Ok(Stream::Tls(Box::new(tls)))
            }
        }
    }

    /// The first address that takes the connection; the next is tried when one fails or is slow.
    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, NoConnection> {
        let addresses: Vec<IpAddr> = self.resolver.resolve(host).await.map_err(|e| match e {
            NoAddress::Unknown => NoConnection::UnknownName,
            NoAddress::Failed(why) => NoConnection::Resolver(why),
        })?;
        let mut addresses = addresses.into_iter();
        let mut tries = JoinSet::new();
        let mut failure = None;
        loop {
            match addresses.next() {
                Some(address) => {
                    tries.spawn(TcpStream::connect(SocketAddr::new(address, port)));
                }
                None if tries.is_empty() => break,
                None => {}
            }
            let slow = sleep(STAGGER);
            tokio::select! {
                Some(done) = tries.join_next() => match done {
                    Ok(Ok(stream)) => {
                        let _ = stream.set_nodelay(true);
                        return Ok(stream);
                    }
                    Ok(Err(e)) => failure = Some(e),
                    Err(e) => failure = Some(io::Error::other(e)),
                },
                () = slow => {}
            }
        }
        Err(NoConnection::Refused(
            failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()),
        ))
    }
}

/// Have a proxy connect us through; what follows is the host's own.
async fn tunnel(
    tcp: &mut TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), NoConnection> {
    let failed = |why: String| NoConnection::Proxy(proxy.host.clone(), why);
    tcp.write_all(connect_request(proxy, host, port).as_bytes())
        .await
        .map_err(|e| failed(e.to_string()))?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to TLS.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_PROXY_HEAD {
            return Err(failed("its answer has no end".into()));
        }
        head.push(tcp.read_u8().await.map_err(|e| failed(e.to_string()))?);
    }
    tunnel_is_open(&head).map_err(failed)
}

/// A connection to a host.
pub enum Stream {
    /// In plain.
    Plain {
        /// The connection.
        tcp: TcpStream,
        /// Whether a proxy passes on what is asked.
        forwarded: bool,
    },
    /// By TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether the host chose HTTP/1.1 in the handshake of TLS.
    pub fn chose_http1(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.get_ref().1.alpn_protocol() == Some(b"http/1.1"))
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Plain { forwarded, .. } => Connected::new().proxy(*forwarded),
            Self::Tls(tls) if tls.get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            Self::Tls(_) => Connected::new(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_write(cx, data),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
