//! Names to addresses, inside this process: nss would open files and load libraries.
//!
//! `resolv.conf` and `hosts` are read once, before confinement. IP addresses and `localhost` need
//! neither. Name servers are asked over TCP alone, which each must answer (RFC 7766): a process that
//! may send datagrams may send them anywhere, since Landlock fences no UDP (INV-07).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

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

/// Looks names up. Each question goes over a connection of its own: a name server may close one
/// whenever it likes, and a question that meets the end of it would be lost. Upstream connections
/// are pooled, so names are looked up seldom.
pub(crate) struct Resolver {
    outside: Arc<Outside>,
}

impl Resolver {
    /// Asks nobody yet.
    pub(crate) const fn new(outside: Arc<Outside>) -> Self {
        Self { outside }
    }

    /// The addresses of a host; none if it has none, or if nobody could be asked.
    pub(crate) async fn addresses(&self, host: &Host) -> Vec<IpAddr> {
        if let Some(address) = host.address() {
            return vec![address];
        }
        if host.is_localhost() {
            return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        let mut v4 = pin!(self.lookup(host, LookupIpStrategy::Ipv4Only));
        let mut v6 = pin!(self.lookup(host, LookupIpStrategy::Ipv6Only));
        let mut found = tokio::select! {
            found = v4.as_mut() => with(found, v6).await,
            found = v6.as_mut() => with(found, v4).await,
        };
        found.sort_by_key(IpAddr::is_ipv6);
        found
    }

    async fn lookup(&self, host: &Host, strategy: LookupIpStrategy) -> Vec<IpAddr> {
        let Some(resolver) = make(&self.outside.names, strategy) else { return Vec::new() };
        // With a final dot no search domain is tried: a name must not come to mean another.
        match resolver.lookup_ip(format!("{host}.")).await {
            Ok(found) => found.iter().collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// What one question has found with what the other will: one that has found something does not wait
/// long.
async fn with(mut found: Vec<IpAddr>, other: impl Future<Output = Vec<IpAddr>>) -> Vec<IpAddr> {
    found.extend(match found.as_slice() {
        [] => other.await,
        [_, ..] => timeout(GRACE, other).await.unwrap_or_default(),
    });
    found
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
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                // A client that goes away is none of a name server's business.
                std::thread::spawn(move || (0..answers).try_for_each(|_| answer_one(&mut stream)));
            }
        });
        port
    }

    fn answer_one(stream: &mut TcpStream) -> std::io::Result<()> {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question)?;
        let answer = answer(&question);
        stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes())?;
        stream.write_all(&answer)
    }

    fn answer(question: &[u8]) -> Vec<u8> {
        let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let is_v4 = question[end - 3] == 1;
        let counts = [0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0];
        let mut answer = [&question[..2], &counts, &question[12..end]].concat();
        if is_v4 {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
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
}
