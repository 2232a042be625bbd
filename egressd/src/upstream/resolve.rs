//! Names to addresses, inside this process: nss would open files and load libraries.
//!
//! `resolv.conf` and `hosts` are read once, before confinement. IP addresses and `localhost` need
//! neither. Name servers are asked over TCP alone, which each must answer (RFC 7766): a process that
//! may send datagrams may send them anywhere, since Landlock fences no UDP (INV-07).

use std::cell::OnceCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use hickory_resolver::config::{
    LookupIpStrategy, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, TokioResolver};
use proto::control_lane::LogLevel;
use proto::name::Host;

use crate::prepare::Outside;

/// Answers kept by each worker.
const CACHE: u64 = 64;

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
                options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
                options.cache_size = CACHE;
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

/// One worker's resolver, made when the first name is looked up.
pub(crate) struct Resolver {
    outside: Arc<Outside>,
    inner: OnceCell<Option<TokioResolver>>,
}

impl Resolver {
    /// Asks nobody yet.
    pub(crate) const fn new(outside: Arc<Outside>) -> Self {
        Self { outside, inner: OnceCell::new() }
    }

    /// The addresses of a host; none if it has none, or if nobody could be asked.
    pub(crate) async fn addresses(&self, host: &Host) -> Vec<IpAddr> {
        if let Some(address) = host.address() {
            return vec![address];
        }
        if host.as_str() == "localhost" || host.as_str().ends_with(".localhost") {
            return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        let Some(resolver) = self.inner.get_or_init(|| make(&self.outside.names)) else {
            return Vec::new();
        };
        // With a final dot no search domain is tried: a name must not come to mean another.
        match resolver.lookup_ip(format!("{host}.")).await {
            Ok(found) => found.iter().collect(),
            Err(_) => Vec::new(),
        }
    }
}

fn make(names: &Names) -> Option<TokioResolver> {
    let (config, options) = names.servers.clone().unwrap_or_else(|| {
        // The hosts file still counts.
        let mut options = ResolverOpts::default();
        options.use_hosts_file = ResolveHosts::Never;
        (ResolverConfig::from_parts(None, Vec::new(), Vec::new()), options)
    });
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
    use std::net::TcpListener;

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
        Resolver::new(Arc::new(Outside { transports, names }))
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
                for _ in 0..answers {
                    let mut length = [0; 2];
                    if stream.read_exact(&mut length).is_err() {
                        break;
                    }
                    let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                    stream.read_exact(&mut question).unwrap();
                    let answer = answer(&question);
                    stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).unwrap();
                    stream.write_all(&answer).unwrap();
                }
            }
        });
        port
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
        let resolver = resolver("", Some(name_server(2)));
        for host in ["one.example", "two.example", "three.example"] {
            assert_eq!(addresses(&resolver, host).await, ["192.0.2.7"], "{host}");
        }
    }
}
