//! Names to addresses, without the C library.
//!
//! The program is static, and a static glibc cannot look names up by itself (it loads
//! plug-ins at run time). What a registry client needs of DNS is little: ask the machine's
//! own resolver, which does the real work, for the A and AAAA records of one name. So this
//! is a stub resolver (RFC 1034, section 5.3.1) and no more: `/etc/hosts`,
//! `/etc/resolv.conf`, one question over UDP, and over TCP where the answer was cut.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
/// Any more addresses than these would not be tried anyway.
const MAX_ADDRESSES: usize = 16;
const MAX_FILE: usize = 1 << 20;

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAddress {
    /// The name does not exist.
    Unknown,
    /// Nobody could be asked, or the answer made no sense.
    Failed(String),
}

/// How the machine resolves names.
#[derive(Debug, Clone)]
struct Config {
    hosts: BTreeMap<String, Vec<IpAddr>>,
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    dots: usize,
    patience: Duration,
    attempts: u32,
}

/// A stub resolver. The machine's configuration is read when the first name is asked for.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    config: OnceLock<Config>,
}

impl Resolver {
    /// The addresses of a host; there is at least one.
    pub(super) async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, NoAddress> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let config = self.config.get_or_init(|| {
            let read = |path| {
                let data = fs::read(path).unwrap_or_default();
                String::from_utf8_lossy(&data[..data.len().min(MAX_FILE)]).into_owned()
            };
            Config::parse(&read("/etc/hosts"), &read("/etc/resolv.conf"))
        });
        let name = host.to_ascii_lowercase();
        if let Some(addresses) = config.hosts.get(name.trim_end_matches('.')) {
            return Ok(addresses.clone());
        }
        if crate::host::is_localhost(&name) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let mut failure = None;
        for name in config.names(&name) {
            match config.lookup(&name).await {
                Ok(addresses) => return Ok(addresses),
                Err(NoAddress::Unknown) => {}
                Err(failed) => failure = Some(failed),
            }
        }
        Err(failure.unwrap_or(NoAddress::Unknown))
    }
}

impl Config {
    fn parse(hosts: &str, resolv: &str) -> Self {
        let mut config = Self {
            hosts: BTreeMap::new(),
            servers: Vec::new(),
            search: Vec::new(),
            dots: 1,
            patience: Duration::from_secs(3),
            attempts: 2,
        };
        for line in hosts.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else {
                continue;
            };
            for name in words {
                config
                    .hosts
                    .entry(name.to_ascii_lowercase())
                    .or_default()
                    .push(address);
            }
        }
        for line in resolv.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // An interface after `%` is for link-local addresses, rare on servers.
                    if let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) {
                        if config.servers.len() < 3 {
                            config.servers.push(SocketAddr::new(address, 53));
                        }
                    }
                }
                Some("search" | "domain") => {
                    config.search = words.take(6).map(str::to_ascii_lowercase).collect();
                }
                Some("options") => words.for_each(|option| config.option(option)),
                _ => {}
            }
        }
        if config.servers.is_empty() {
            config.servers.push((Ipv4Addr::LOCALHOST, 53).into());
        }
        config
    }

    fn option(&mut self, option: &str) {
        let Some((name, Ok(value))) = option
            .split_once(':')
            .map(|(name, value)| (name, value.parse::<u32>()))
        else {
            return;
        };
        match name {
            "ndots" => self.dots = value.min(15) as usize,
            "timeout" => self.patience = Duration::from_secs(value.clamp(1, 5).into()),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }

    /// The full names that a name may stand for, in the order to be tried.
    fn names(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let mut names: Vec<String> = self
            .search
            .iter()
            .filter(|domain| *domain != ".")
            .map(|domain| format!("{name}.{}", domain.trim_end_matches('.')))
            .collect();
        let at = if name.matches('.').count() >= self.dots {
            0
        } else {
            names.len()
        };
        names.insert(at, name.to_owned());
        names
    }

    async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, NoAddress> {
        let (v4, v6) = tokio::join!(self.ask(name, A), self.ask(name, AAAA));
        let mut all = Vec::new();
        let mut failure = None;
        for answer in [v4, v6] {
            match answer {
                Ok(addresses) => all.push(addresses),
                Err(NoAddress::Unknown) => {}
                Err(failed) => failure = Some(failed),
            }
        }
        // One family after the other in turn: a network that has only one loses little time.
        let mut addresses = Vec::new();
        let longest = all.iter().map(Vec::len).max().unwrap_or(0);
        for i in 0..longest {
            addresses.extend(all.iter().filter_map(|family| family.get(i)));
        }
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return Err(failure.unwrap_or(NoAddress::Unknown));
        }
        Ok(addresses)
    }

    async fn ask(&self, name: &str, kind: u16) -> Result<Vec<IpAddr>, NoAddress> {
        let mut failure = NoAddress::Failed("no name server answers".into());
        for _ in 0..self.attempts {
            for server in &self.servers {
                match timeout(self.patience, exchange(*server, name, kind)).await {
                    Ok(Ok(addresses)) => return Ok(addresses),
                    Ok(Err(NoAddress::Unknown)) => return Err(NoAddress::Unknown),
                    Ok(Err(failed)) => failure = failed,
                    Err(_) => {
                        failure =
                            NoAddress::Failed(format!("the name server {server} does not answer"));
                    }
                }
            }
        }
        Err(failure)
    }
}

/// Ask one server one question.
async fn exchange(server: SocketAddr, name: &str, kind: u16) -> Result<Vec<IpAddr>, NoAddress> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|e| NoAddress::Failed(e.to_string()))?;
    let id = u16::from_be_bytes(id);
    let question = question(id, name, kind).ok_or(NoAddress::Unknown)?;
    let failed = |e: std::io::Error| NoAddress::Failed(format!("the name server {server}: {e}"));

    let here: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // A socket of its own for each question: its port is a second secret beside the number.
    let socket = UdpSocket::bind(here).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    socket.send(&question).await.map_err(failed)?;
    let mut buffer = vec![0; 4096];
    loop {
        let n = socket.recv(&mut buffer).await.map_err(failed)?;
        match read_answer(&buffer[..n], &question, kind) {
            Answer::Addresses(addresses) => return Ok(addresses),
            Answer::Unknown => return Err(NoAddress::Unknown),
            Answer::Cut => break,
            Answer::Refused(code) => {
                return Err(NoAddress::Failed(format!(
                    "the name server {server} answers with the error {code}"
                )))
            }
            // Not the answer to this question: somebody guesses. Wait for the real one.
            Answer::Foreign => {}
        }
    }
    let mut stream = TcpStream::connect(server).await.map_err(failed)?;
    let mut message = (question.len() as u16).to_be_bytes().to_vec();
    message.extend_from_slice(&question);
    stream.write_all(&message).await.map_err(failed)?;
    let length = stream.read_u16().await.map_err(failed)?;
    let mut buffer = vec![0; length.into()];
    stream.read_exact(&mut buffer).await.map_err(failed)?;
    match read_answer(&buffer, &question, kind) {
        Answer::Addresses(addresses) => Ok(addresses),
        Answer::Unknown => Err(NoAddress::Unknown),
        _ => Err(NoAddress::Failed(format!(
            "the name server {server} gives no sense"
        ))),
    }
}

/// A question with recursion desired; `None` if the name cannot be asked for.
fn question(id: u16, name: &str, kind: u16) -> Option<Vec<u8>> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return None;
        }
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    if message.len() > 12 + 255 {
        return None;
    }
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    Some(message)
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Addresses(Vec<IpAddr>),
    Unknown,
    Cut,
    Refused(u8),
    Foreign,
}

fn read_answer(message: &[u8], question: &[u8], kind: u16) -> Answer {
    let same_question = message.len() >= question.len()
        && message[..2] == question[..2]
        && message[4..6] == question[4..6]
        && message[12..question.len()].eq_ignore_ascii_case(&question[12..]);
    // The error answers of some servers repeat no question.
    let bare_error = message.len() == 12 && message[..2] == question[..2] && message[3] & 15 != 0;
    if !(same_question || bare_error) || message[2] & 0x80 == 0 {
        return Answer::Foreign;
    }
    match message[3] & 15 {
        0 => {}
        3 => return Answer::Unknown,
        code => return Answer::Refused(code),
    }
    if message[2] & 2 != 0 {
        return Answer::Cut;
    }
    match read_records(message, question.len(), kind) {
        Some(addresses) if addresses.is_empty() => Answer::Unknown,
        Some(addresses) => Answer::Addresses(addresses),
        None => Answer::Refused(1),
    }
}

/// The addresses of the name that was asked for, along its aliases.
fn read_records(message: &[u8], start: usize, kind: u16) -> Option<Vec<IpAddr>> {
    let count = usize::from(u16::from_be_bytes([message[6], message[7]]));
    let (mut owner, _) = read_name(message, 12)?;
    let mut at = start;
    let mut addresses = Vec::new();
    for _ in 0..count {
        let (name, end) = read_name(message, at)?;
        let fixed = message.get(end..end + 10)?;
        let found = u16::from_be_bytes([fixed[0], fixed[1]]);
        let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let data = message.get(end + 10..end + 10 + length)?;
        at = end + 10 + length;
        if name != owner {
            continue;
        }
        match found {
            CNAME => owner = read_name(message, end + 10)?.0,
            A if kind == A => addresses.push(IpAddr::from(<[u8; 4]>::try_from(data).ok()?)),
            AAAA if kind == AAAA => addresses.push(IpAddr::from(<[u8; 16]>::try_from(data).ok()?)),
            _ => {}
        }
        if addresses.len() == MAX_ADDRESSES {
            break;
        }
    }
    Some(addresses)
}

/// A name, in lower case, and where it ends. Pointers may only lead back, so they end.
fn read_name(message: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let mut name = Vec::new();
    let mut at = start;
    let mut end = None;
    let mut before = start;
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some((name, end.unwrap_or(at + 1))),
            1..=63 => {
                let label = message.get(at + 1..at + 1 + usize::from(length))?;
                name.extend(label.iter().map(u8::to_ascii_lowercase));
                name.push(b'.');
                if name.len() > 255 {
                    return None;
                }
                at += 1 + usize::from(length);
            }
            192.. => {
                let low = *message.get(at + 1)?;
                let to = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                if to >= before {
                    return None;
                }
                end = end.or(Some(at + 2));
                before = to;
                at = to;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(server: SocketAddr) -> Config {
        Config {
            servers: vec![server],
            patience: Duration::from_millis(300),
            attempts: 1,
            ..Config::parse("", "")
        }
    }

    #[test]
    fn the_files_of_the_machine() {
        let config = Config::parse(
            "127.0.0.1 localhost\n10.0.0.7\tRegistry.example.com r # mine\nnonsense x\n::1 r\n",
            "# c\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch example.com lab.example.com\noptions ndots:2 timeout:1 attempts:9\n",
        );
        assert_eq!(
            config.hosts["registry.example.com"],
            ["10.0.0.7".parse::<IpAddr>().unwrap()]
        );
        assert_eq!(config.hosts["r"].len(), 2);
        assert_eq!(config.servers.len(), 2);
        assert_eq!(config.attempts, 5);
        assert_eq!(
            config.names("a.b"),
            ["a.b.example.com", "a.b.lab.example.com", "a.b"]
        );
        assert_eq!(config.names("a.b.c")[0], "a.b.c");
        assert_eq!(config.names("a."), ["a"]);
    }

    /// An answer: an alias, then the address of what it stands for, then one of a stranger.
    fn answer(question: &[u8]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2] |= 0x80;
        message[7] = 3;
        let alias = message.len() + 12;
        message.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'z', 0xc0, 12]);
        message.extend_from_slice(&[
            0xc0,
            alias as u8,
            0,
            1,
            0,
            1,
            0,
            0,
            0,
            60,
            0,
            4,
            10,
            1,
            2,
            3,
        ]);
        message.extend_from_slice(&[1, b'q', 0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6]);
        message
    }

    #[test]
    fn aliases_are_followed_and_strangers_are_not() {
        let question = question(7, "r.example.com", A).unwrap();
        assert_eq!(
            read_answer(&answer(&question), &question, A),
            Answer::Addresses(vec!["10.1.2.3".parse().unwrap()])
        );
    }

    #[test]
    fn no_answer_makes_it_panic_or_loop() {
        let question = question(7, "r.example.com", A).unwrap();
        let answer = answer(&question);
        for end in 0..answer.len() {
            read_answer(&answer[..end], &question, A);
        }
        for at in 0..answer.len() {
            for byte in [0, 1, 63, 64, 0xc0, 0xff] {
                let mut answer = answer.clone();
                answer[at] = byte;
                read_answer(&answer, &question, A);
            }
        }
    }

    #[test]
    fn a_guessed_number_is_not_believed() {
        let question = question(7, "r.example.com", A).unwrap();
        let mut answer = answer(&question);
        answer[1] ^= 1;
        assert_eq!(read_answer(&answer, &question, A), Answer::Foreign);
    }

    #[test]
    fn impossible_names_are_unknown() {
        assert!(question(1, "a..b", A).is_none());
        assert!(question(1, &"a".repeat(64), A).is_none());
        assert!(question(1, &"abcdefg.".repeat(40), A).is_none());
    }

    #[tokio::test]
    async fn a_server_is_asked() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            for _ in 0..2 {
                let (n, from) = socket.recv_from(&mut buffer).await.unwrap();
                let mut reply = if buffer[n - 3] == A as u8 {
                    answer(&buffer[..n])
                } else {
                    let mut reply = buffer[..n].to_vec();
                    reply[2] |= 0x80;
                    reply
                };
                reply[2] |= 0x80;
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        assert_eq!(
            config(server).lookup("r.example.com").await,
            Ok(vec!["10.1.2.3".parse().unwrap()])
        );
    }

    #[tokio::test]
    async fn a_silent_server_ends_the_wait() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let failed = config(socket.local_addr().unwrap())
            .lookup("r.example.com")
            .await;
        assert!(matches!(failed, Err(NoAddress::Failed(_))), "{failed:?}");
    }

    #[tokio::test]
    async fn addresses_and_the_machine_itself_need_no_server() {
        let resolver = Resolver::default();
        assert_eq!(resolver.resolve("::1").await.unwrap().len(), 1);
        let local = resolver.resolve("localhost").await.unwrap();
        assert!(local.iter().all(IpAddr::is_loopback));
    }
}
