//! A crowd of clients that do not get on: they may not keep out those that do.

use std::io::Write;
use std::net::TcpStream;

use tests::world::World;
use tests::world::files::as_many_as_may_be;
use tests::world::http::Ask;

/// So many, if this process may have as many files open.
fn crowd() -> u64 {
    let wanted = match std::env::var("UGENT_TESTS").as_deref() {
        Ok("full" | "long") => 10_000,
        _ => 2_000,
    };
    wanted.min(as_many_as_may_be() - OTHERS)
}

/// What else it has open.
const OTHERS: u64 = 500;

#[test]
fn thousands_that_never_finish_their_heads_keep_nobody_out() {
    let crowd = crowd();
    let world = World::ready();
    let _broker = world.broker();
    let token = world.token();
    let mut slow = Vec::new();
    for number in 0..crowd {
        // It waits in the listener's queue until it is taken.
        let mut client = TcpStream::connect(("127.0.0.1", world.port())).unwrap();
        client.set_nonblocking(true).unwrap();
        // One that was sent away already finds out here.
        let _ =
            client.write_all(b"POST /proxy/openai/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx: ");
        slow.push(client);
        if number % (crowd / 20) == 0 {
            assert_eq!(world.ask(&Ask::chat().bearer(&token)).status, 200, "beside {number} of them");
            // All of them get on a little, and none to its end.
            for client in &mut slow {
                let _ = client.write(b"x");
            }
        }
    }
    let mut kept = world.tcp();
    for _ in 0..10 {
        assert_eq!(kept.ask(&Ask::chat().bearer(&token)).unwrap().status, 200);
        assert_eq!(world.ask(&Ask::chat().bearer(&token)).status, 200);
    }
}
