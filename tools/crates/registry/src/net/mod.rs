//! Connections: name, address, proxy, TLS.

mod dns;
mod proxy;
pub(crate) mod tls;
mod transport;

pub(crate) use transport::{Connector, NoConnection};
