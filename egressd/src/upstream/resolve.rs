//! Names to addresses, inside this process: nss would open files and load libraries.
//!
//! `resolv.conf` and `hosts` are read once, before confinement. IP addresses and `localhost` need
//! neither. Name servers are asked over TCP alone, which each must answer (RFC 7766): a process that
//! may send datagrams may send them anywhere, since Landlock fences no UDP (INV-07).

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    LookupIpStrategy, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, TokioResolver};
use proto::control_lane::LogLevel;
use proto::name::Host;
use tokio::time::timeout;

use crate::prepare::Outside;

/// How long addresses of one family wait for those of the other.
const GRACE: Duration = Duration::from_millis(200);
/// Longest time an answer is kept, whatever it says of itself.
const KEPT_MAX: Duration = Duration::from_mins(5);
/// Most names whose answers are kept.
const NAMES_MAX: usize = 256;

/// What the system says about names.
pub(crate) struct Names {
    servers: Option<(ResolverConfig, ResolverOpts)>,
    hosts: Arc<Hosts>,
}

impl Names {
    /// Reads the system's files.
    pub(crate) fn read(notes: &mut Vec<(LogLevel, String)>) -> Self {
        let servers = match read_system_conf() {
            Ok((config, mut options)) => {
                let config = by_tcp(config);
                options.use_hosts_file = ResolveHosts::Never;
                Some((config, options))
            }
            Err(error) => {
                notes.push((LogLevel::Warn, format!("no name server: /etc/resolv.conf: {error}")));
                None
            }
        };
        Self { servers, hosts: Arc::new(Hosts::from_system().unwrap_or_default()) }
    }

    /// The ports of all name servers.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        let servers = self.servers.iter().flat_map(|(config, _)| config.name_servers());
        servers.flat_map(|server| &server.connections).map(|connection| connection.port)
    }
}

fn by_tcp(config: ResolverConfig) -> ResolverConfig {
    let (domain, search, mut servers) = config.into_parts();
    for server in &mut servers {
        server.connections.retain(|connection| matches!(connection.protocol, ProtocolConfig::Tcp));
    }
    ResolverConfig::from_parts(domain, search, servers)
}

/// Looks names up, and keeps what it has found for as long as the answer is good. Each question goes
/// over a connection of its own: a name server may close one whenever it likes, and a question that
/// meets the end of it would be lost.
pub(crate) struct Resolver {
    outside: Arc<Outside>,
    kept: RefCell<HashMap<Host, Found>>,
}

/// What a name means, and until when. Nothing, if nobody knows: that is not kept.
#[derive(Clone, Default)]
struct Found {
    addresses: Vec<IpAddr>,
    until: Option<Instant>,
}

impl Resolver {
    /// Asks nobody yet.
    pub(crate) fn new(outside: Arc<Outside>) -> Self {
        Self { outside, kept: RefCell::default() }
    }

    /// The addresses of a host; none if it has none, or if nobody could be asked.
    pub(crate) async fn addresses(&self, host: &Host) -> Vec<IpAddr> {
        if let Some(address) = host.address() {
            return vec![address];
        }
        if host.is_localhost() {
            return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        if let Some(kept) = self.kept(host) {
            return kept;
        }
        let mut v4 = pin!(self.lookup(host, LookupIpStrategy::Ipv4Only));
        let mut v6 = pin!(self.lookup(host, LookupIpStrategy::Ipv6Only));
        let found = tokio::select! {
            found = v4.as_mut() => with(found, v6).await,
            found = v6.as_mut() => with(found, v4).await,
        };
        self.keep(host, &found);
        found.addresses
    }

    async fn lookup(&self, host: &Host, strategy: LookupIpStrategy) -> Found {
        let Some(resolver) = make(&self.outside.names, strategy) else { return Found::default() };
        // With a final dot no search domain is tried: a name must not come to mean another.
        match resolver.lookup_ip(format!("{host}.")).await {
            Ok(found) => Found { addresses: found.iter().collect(), until: Some(found.valid_until()) },
            Err(_) => Found::default(),
        }
    }

    fn kept(&self, host: &Host) -> Option<Vec<IpAddr>> {
        let kept = self.kept.borrow();
        let found = kept.get(host)?;
        found.until.is_some_and(|until| Instant::now() < until).then(|| found.addresses.clone())
    }

    fn keep(&self, host: &Host, found: &Found) {
        if found.addresses.is_empty() {
            return;
        }
        let now = Instant::now();
        let until = found.until.map(|until| until.min(now + KEPT_MAX));
        let mut kept = self.kept.borrow_mut();
        kept.retain(|_, found| found.until.is_some_and(|until| now < until));
        if kept.len() < NAMES_MAX && until.is_some_and(|until| now < until) {
            kept.insert(host.clone(), Found { addresses: found.addresses.clone(), until });
        }
    }
}

/// What one question has found with what the other will: one that has found something does not wait
/// long. The families take turns, so that one that leads nowhere does not hold up the other.
async fn with(one: Found, other: impl Future<Output = Found>) -> Found {
    let other = match one.addresses.as_slice() {
        [] => other.await,
        [_, ..] => timeout(GRACE, other).await.unwrap_or_default(),
    };
    let until = [one.until, other.until].into_iter().flatten().min();
    let all = one.addresses.into_iter().chain(other.addresses);
    let (v4, v6): (Vec<_>, Vec<_>) = all.partition(IpAddr::is_ipv4);
    let mut turns: Vec<_> = v4.into_iter().enumerate().chain(v6.into_iter().enumerate()).collect();
    turns.sort_by_key(|(turn, address)| (*turn, address.is_ipv6()));
    Found { addresses: turns.into_iter().map(|(_, address)| address).collect(), until }
}

fn make(names: &Names, strategy: LookupIpStrategy) -> Option<TokioResolver> {
    let (config, mut options) = names.servers.clone().unwrap_or_else(|| {
        // The hosts file still counts.
        let mut options = ResolverOpts::default();
        options.use_hosts_file = ResolveHosts::Never;
        (ResolverConfig::from_parts(None, Vec::new(), Vec::new()), options)
    });
    options.ip_strategy = strategy;
    options.cache_size = 0;
    let mut resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .ok()?;
    resolver.set_hosts(Arc::clone(&names.hosts));
    Some(resolver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::transports::Transports;
    use hickory_resolver::config::NameServerConfig;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn resolver(hosts: &str, server: Option<u16>) -> Resolver {
        let mut table = Hosts::default();
        table.read_hosts_conf(hosts.as_bytes()).unwrap();
        let servers = server.map(|port| {
            let mut server = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
            server.connections.iter_mut().for_each(|connection| connection.port = port);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            (by_tcp(config), ResolverOpts::default())
        });
        let names = Names { servers, hosts: Arc::new(table) };
        let transports = Transports::open(Vec::new(), Vec::new(), &mut Vec::new()).unwrap();
        Resolver::new(Arc::new(Outside { transports, names, proxy: None }))
    }

    async fn addresses(resolver: &Resolver, host: &str) -> Vec<String> {
        let found = resolver.addresses(&Host::parse(host).unwrap()).await;
        found.iter().map(ToString::to_string).collect()
    }

    /// Answers each question for an IPv4 address with 192.0.2.7, and others with nothing, over TCP
    /// alone. Closes each connection after `answers`.
    fn name_server(answers: usize) -> u16 {
        counting_name_server(answers, 60).0
    }

    /// The same, with answers that are good for so many seconds; and how often it was asked.
    fn counting_name_server(answers: usize, secs: u8) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                count.fetch_add(1, Ordering::Relaxed);
                // A client that goes away is none of a name server's business.
                std::thread::spawn(move || (0..answers).try_for_each(|_| answer_one(&mut stream, secs)));
            }
        });
        (port, asked)
    }

    fn answer_one(stream: &mut TcpStream, secs: u8) -> std::io::Result<()> {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question)?;
        let answer = answer(&question, secs);
        stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes())?;
        stream.write_all(&answer)
    }

    fn answer(question: &[u8], secs: u8) -> Vec<u8> {
        let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let is_v4 = question[end - 3] == 1;
        let counts = [0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0];
        let mut answer = [&question[..2], &counts, &question[12..end]].concat();
        if is_v4 {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, secs, 0, 4, 192, 0, 2, 7]);
        }
        answer
    }

    #[tokio::test]
    async fn addresses_and_localhost_need_nobody() {
        let resolver = resolver("", None);
        assert_eq!(addresses(&resolver, "192.0.2.1").await, ["192.0.2.1"]);
        assert_eq!(addresses(&resolver, "localhost").await, ["127.0.0.1", "::1"]);
        assert!(addresses(&resolver, "api.example").await.is_empty());
    }

    #[tokio::test]
    async fn the_hosts_file_comes_before_the_name_server() {
        let resolver = resolver("192.0.2.9 near.example # a comment\n", Some(name_server(2)));
        assert_eq!(addresses(&resolver, "near.example").await, ["192.0.2.9"]);
        assert_eq!(addresses(&resolver, "far.example").await, ["192.0.2.7"]);
    }

    #[tokio::test]
    async fn a_name_server_that_closes_its_connection_is_asked_over_a_new_one() {
        for answers in 1..5 {
            let resolver = resolver("", Some(name_server(answers)));
            for round in 0..20 {
                let host = format!("host-{round}.example");
                assert_eq!(
                    addresses(&resolver, &host).await,
                    ["192.0.2.7"],
                    "{host}, {answers} a connection"
                );
            }
        }
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_as_long_as_it_is_good_and_none_is_not_kept() {
        for (secs, asked_once) in [(60, true), (0, false)] {
            let (port, asked) = counting_name_server(2, secs);
            let resolver = resolver("", Some(port));
            assert_eq!(addresses(&resolver, "api.example").await, ["192.0.2.7"]);
            let once = asked.load(Ordering::Relaxed);
            for _ in 0..5 {
                assert_eq!(addresses(&resolver, "api.example").await, ["192.0.2.7"]);
            }
            assert_eq!(asked.load(Ordering::Relaxed) == once, asked_once, "good for {secs} s");
        }
        let nobody = resolver("", None);
        assert!(addresses(&nobody, "api.example").await.is_empty());
        assert!(nobody.kept.borrow().is_empty());
    }

    #[tokio::test]
    async fn families_take_turns() {
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let found = |list: &[&str]| Found { addresses: parse(list), until: None };
        let (v6, v4) = (found(&["2001:4860::1", "2001:4860::2"]), found(&["8.8.8.8"]));
        let all = with(v6, std::future::ready(v4)).await;
        assert_eq!(all.addresses, parse(&["8.8.8.8", "2001:4860::1", "2001:4860::2"]));
    }
}
