//! A proxy between egressd and the providers: it is told where to, and sees nothing else.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use tests::standin::NAME;
use tests::world::World;
use tests::world::http::Ask;

/// A proxy that leads everybody to the stand-in, whatever they ask for, or answers with that.
struct Proxy {
    port: u16,
    /// All it was told, in the clear or not.
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    fn to(port: u16) -> Self {
        Self::with("HTTP/1.1 200 Connection established\r\nproxy-agent: x\r\n\r\n", port)
    }

    fn with(answer: &'static str, to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let ears = Arc::clone(&ears);
                // A connection that breaks is its client's to tell of.
                thread::spawn(move || lead(client, answer, to, &ears));
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

fn lead(mut client: TcpStream, answer: &str, to: u16, heard: &Mutex<Vec<u8>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    heard.lock().unwrap().extend_from_slice(&head);
    client.write_all(answer.as_bytes())?;
    if !answer.starts_with("HTTP/1.1 200") {
        return client.shutdown(Shutdown::Both);
    }
    let mut provider = TcpStream::connect(("127.0.0.1", to))?;
    let (mut back, mut to_client) = (provider.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut back, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut room = [0; 4096];
    while let count @ 1.. = client.read(&mut room)? {
        heard.lock().unwrap().extend_from_slice(&room[..count]);
        provider.write_all(&room[..count])?;
    }
    provider.shutdown(Shutdown::Both)
}

/// A world whose provider has a name that only the proxy leads to.
fn behind(proxy: impl FnOnce(u16) -> Proxy) -> (World, Proxy) {
    let world = World::with_vault();
    let to = world.standin().port();
    let proxy = proxy(to);
    let set = format!("{}upstream_proxy = \"http://127.0.0.1:{}\"\n", world.settings(), proxy.port);
    world.home().write("secrets.toml", &set);
    let ca = world.home().path().join("ca.pem");
    let provider = format!(
        "[[providers]]\nid = \"openai\"\nbase_url = \"https://{NAME}:{to}\"\nca_file = \"{}\"\n",
        ca.display()
    );
    world.home().write("secrets.providers.toml", &provider);
    world.home().write("secrets.grants.toml", &World::grant_of("openai_api_key", "ugent-core", NAME, 300));
    world.add("@openai_api_key", world.key());
    (world, proxy)
}

fn has(heard: &[u8], what: &str) -> bool {
    heard.windows(what.len()).any(|window| window == what.as_bytes())
}

#[test]
fn a_provider_is_reached_through_the_proxy_which_learns_its_name_and_nothing_else() {
    let (world, proxy) = behind(Proxy::to);
    let broker = world.broker();
    let answer = world.ask(&Ask::chat());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = world.standin().log().all();
    let credentials: Vec<_> = seen[0].header("authorization").collect();
    assert_eq!(credentials, [format!("Bearer {}", world.key()).as_bytes()]);
    let to = format!("{NAME}:{}", world.standin().port());
    let told = format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n");
    let heard = proxy.heard();
    assert!(heard.starts_with(told.as_bytes()), "the tunnel is all it is asked for");
    assert!(heard.len() > told.len() + 500, "the request went through it");
    for kept in [world.key(), &world.token(), "/v1/chat", "authorization"] {
        assert!(!has(&heard, kept), "it sees {kept}");
    }
    drop(broker.stop().succeeded());
}

#[test]
fn a_proxy_that_makes_no_tunnel_is_named_as_what_stands_in_the_way() {
    for (answer, why) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "user and password"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "does not let us there"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "no HTTP proxy"),
    ] {
        let (world, proxy) = behind(|to| Proxy::with(answer, to));
        let broker = world.broker();
        let refused = world.ask(&Ask::chat());
        assert_eq!((refused.status, refused.refusal()), (502, Some("upstream_unreachable")), "{answer}");
        let text = refused.text();
        assert!(text.contains(why), "{text}");
        assert!(!has(&proxy.heard(), world.key()));
        drop(broker.stop().succeeded());
    }
}

#[test]
fn a_provider_with_leave_to_be_private_is_reached_without_it() {
    let (world, proxy) = behind(Proxy::to);
    world.home().write("secrets.providers.toml", &world.providers());
    world.home().write("secrets.grants.toml", &world.grant());
    let _broker = world.broker();
    assert_eq!(world.ask(&Ask::chat()).status, 200);
    assert_eq!(proxy.heard(), b"");
}
