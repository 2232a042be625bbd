//! Loans on the cli lane itself: what changes between asking for values and taking them.

use std::os::unix::net::UnixStream;
use std::time::Instant;

use proto::cli_lane::{CliAnswer, CliRequest};
use proto::hello::LaneKind;
use proto::journal::Reason;
use proto::loan::Borrow;
use proto::name::{Consumer, Delivery, Handle, Purpose};
use tests::world::until::{DEADLINE, until_true};
use tests::world::{HANDLE, World};
use unix::lane::{Descriptors, Lane};

use crate::ground::{grant, ready};

/// A program at the cli lane.
struct Program(Lane);

impl Program {
    fn at(world: &World) -> Self {
        let socket = UnixStream::connect(world.home().keeper_socket()).unwrap();
        let mut lane = Lane::new(socket, Descriptors::Refused).unwrap();
        lane.greet(LaneKind::Cli, Instant::now() + DEADLINE).unwrap();
        Self(lane)
    }

    /// The answer, and how long the value is that came with it.
    fn ask(&mut self, request: &CliRequest) -> (CliAnswer, Option<usize>) {
        self.0.send(request, None, Vec::new(), Instant::now() + DEADLINE).unwrap();
        let parcel = self.0.wait_for::<CliAnswer>(Instant::now() + DEADLINE).unwrap();
        (parcel.message, parcel.value.map(|value| value.len()))
    }

    fn borrow(&mut self, secrets: &[&str]) -> CliAnswer {
        self.ask(&CliRequest::Borrow(loan(secrets, Delivery::EnvInject))).0
    }

    fn take(&mut self) -> (CliAnswer, Option<usize>) {
        self.ask(&CliRequest::Take { secret: handle() })
    }
}

fn handle() -> Handle {
    Handle::parse(HANDLE).unwrap()
}

fn loan(secrets: &[&str], delivery: Delivery) -> Borrow {
    Borrow {
        consumer: Some(Consumer::cli()),
        purpose: Purpose::parse("process.env").unwrap(),
        delivery,
        secrets: secrets.iter().map(|name| Handle::parse(name).unwrap()).collect(),
    }
}

fn refused_as(answer: &CliAnswer) -> Reason {
    let CliAnswer::NotLent { refused, .. } = answer else { panic!("{answer:?}") };
    refused[0].reason
}

#[test]
fn only_what_is_lent_can_be_taken_and_only_once() {
    let world = ready();
    let broker = world.broker();
    let mut program = Program::at(&world);
    assert!(matches!(program.take(), (CliAnswer::Failed(_), None)), "nothing is lent");
    for wrong in [
        loan(&[], Delivery::EnvInject),
        loan(&[HANDLE, HANDLE], Delivery::EnvInject),
        loan(&[HANDLE], Delivery::HttpHeaderInject),
    ] {
        assert!(matches!(program.ask(&CliRequest::Borrow(wrong)).0, CliAnswer::Failed(_)));
    }
    assert!(matches!(program.borrow(&[HANDLE]), CliAnswer::Lent { .. }));
    assert!(matches!(program.take(), (CliAnswer::Taken { version: 1, .. }, Some(51))));
    assert!(matches!(program.take(), (CliAnswer::Failed(_), None)), "it was taken");
    assert!(matches!(program.borrow(&[HANDLE]), CliAnswer::Lent { .. }), "another loan in its place");
    assert!(matches!(program.ask(&CliRequest::GiveBack).0, CliAnswer::GivenBack));
    assert!(matches!(program.take(), (CliAnswer::Failed(_), None)), "it was given back");
    assert_eq!(world.events("lease.used").len(), 1);
    drop(broker.stop().succeeded());
}

#[test]
fn a_lease_ends_with_the_last_lane_that_has_borrowed_it() {
    let world = ready();
    let broker = world.broker();
    let (mut one, mut other) = (Program::at(&world), Program::at(&world));
    assert_eq!(one.borrow(&[HANDLE]), other.borrow(&[HANDLE]), "two of a kind share a lease");
    drop(one);
    drop(world.ugent(&["list"]).run().succeeded());
    assert!(world.events("lease.ended").is_empty());
    assert!(matches!(other.take(), (CliAnswer::Taken { .. }, Some(_))));
    drop(other);
    until_true("its end is recorded", || world.events("lease.ended").len() == 1);
    assert_eq!(world.events("lease.ended")[0]["reason"], "returned");
    assert_eq!(world.events("lease.issued").len(), 1);
    drop(broker.stop().succeeded());
}

#[test]
fn what_is_taken_back_between_asking_and_taking_is_not_given() {
    let world = ready();
    let broker = world.broker();
    let mut program = Program::at(&world);
    let grants = grant(HANDLE, "cli", "process.env", "env_inject");

    assert!(matches!(program.borrow(&[HANDLE]), CliAnswer::Lent { .. }));
    world.home().write("secrets.grants.toml", &grants.replace("env_inject", "native"));
    until_true("the lease has ended with its grant", || world.events("lease.ended").len() == 1);
    assert_eq!(refused_as(&program.take().0), Reason::DeliveryNotGranted);
    assert_eq!(world.events("lease.denied").len(), 1);
    world.home().write("secrets.grants.toml", &grants);
    until_true("it is granted again", || matches!(program.borrow(&[HANDLE]), CliAnswer::Lent { .. }));

    // A new version is the one that is taken.
    world.rotate(HANDLE, "another value");
    assert!(matches!(program.take(), (CliAnswer::Taken { version: 2, .. }, Some(13))));

    assert!(matches!(program.borrow(&[HANDLE]), CliAnswer::Lent { .. }));
    drop(world.ugent(&["lock"]).run().succeeded());
    assert_eq!(refused_as(&program.take().0), Reason::VaultLocked);
    assert_eq!(refused_as(&program.borrow(&[HANDLE])), Reason::VaultLocked);
    drop(world.ugent(&["unlock"]).run().succeeded());
    assert!(matches!(program.borrow(&[HANDLE]), CliAnswer::Lent { .. }));
    drop(world.ugent(&["remove", HANDLE, "--yes"]).run().succeeded());
    assert_eq!(refused_as(&program.take().0), Reason::NoSecret);
    drop(broker.stop().succeeded());
}
