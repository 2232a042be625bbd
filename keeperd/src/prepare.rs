//! Opens everything a keeper will ever need, before it is confined and after it has lost every
//! privilege: what it can open is what the user it runs as can.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proto::control_lane::{ControlOrder, Role, StartKeeper};
use proto::failure::{Failure, FailureClass};
use proto::hello::LaneKind;
use unix::lane::{Descriptors, Lane, LaneError};
use unix::owned::{self, Owner, Privacy};

use crate::audit::Journal;
use crate::policy::grants::Grants;
use crate::policy::providers::Providers;
use crate::policy_files::PolicyFiles;
use crate::store::{Contents, Create, Store};

/// The launcher and the CLI send Hello and Start at once; who does not is neither.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// How long a broker waits for a command to be done with the catalog.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits before it looks again, in milliseconds.
const LOCK_RETRY: u8 = 20;

/// All that a keeper needs to serve a vault.
pub(crate) struct Prepared {
    pub(crate) store: Store,
    pub(crate) contents: Contents,
    /// A damaged journal does not stop those who only read.
    pub(crate) journal: Result<Journal, Failure>,
    pub(crate) files: PolicyFiles,
    pub(crate) grants: Grants,
    pub(crate) providers: Providers,
    pub(crate) door: Door,
}

/// Where the CLI comes in.
pub(crate) enum Door {
    /// `keeperd.sock`, listening.
    Open(UnixListener),
    /// The one lane of a private keeper.
    Private(UnixStream),
}

/// Exchanges Hello and reads Start.
///
/// # Errors
/// [`Failure`] if the other side is no launcher.
pub(crate) fn start(control: UnixStream) -> Result<(Lane, StartKeeper, Vec<OwnedFd>), Failure> {
    let mut lane = Lane::new(control, Descriptors::Accepted).map_err(|error| no_memory(&error))?;
    let deadline = Instant::now() + START_DEADLINE;
    lane.greet(LaneKind::Control, deadline).map_err(|error| misled(&error))?;
    let parcel = lane.wait_for::<ControlOrder>(deadline).map_err(|error| misled(&error))?;
    match parcel.message {
        ControlOrder::StartKeeper(start) => Ok((lane, start, parcel.fds)),
        ControlOrder::Unlock
        | ControlOrder::NewEgress { .. }
        | ControlOrder::NewReader
        | ControlOrder::VerifyFiles
        | ControlOrder::VerifySegments { .. }
        | ControlOrder::Verify { .. }
        | ControlOrder::Standing(_)
        | ControlOrder::Transport(_)
        | ControlOrder::Anchor { .. }
        | ControlOrder::StartEgress(_)
        | ControlOrder::Drain
        | ControlOrder::Stop
        | ControlOrder::StartKeychain(_)
        | ControlOrder::NewKeychain
        | ControlOrder::VerifyKeychain { .. }
        | ControlOrder::VerifyHead => Err(misled(&LaneError::Hello)),
    }
}

/// Opens what the role needs; a verifier is given its files later and needs nothing.
///
/// # Errors
/// [`Failure`]: a path that is missing or not to be trusted, or a catalog somebody else has open.
pub(crate) fn open(
    control: &Lane,
    start: &StartKeeper,
    fds: Vec<OwnedFd>,
) -> Result<Option<Box<Prepared>>, Failure> {
    match start.role {
        Role::Broker | Role::Private => Ok(Some(Box::new(open_keeper(control, start, fds)?))),
        Role::Verify => Ok(None),
    }
}

fn open_keeper(control: &Lane, start: &StartKeeper, fds: Vec<OwnedFd>) -> Result<Prepared, Failure> {
    let home = Path::new(&start.home);
    let secrets = home.join("secrets");
    let create = if start.create { Create::MayCreate } else { Create::MustExist };
    let owner = owner_of_home(start);
    let home_is_ours = || trusted(home, owner, Privacy::NotWritableByOthers);
    if create == Create::MayCreate {
        make(home)?;
        home_is_ours()?;
        make(&secrets)?;
    } else if secrets.symlink_metadata().is_err() {
        return Err(not_set_up(home));
    }
    home_is_ours()?;
    trusted(&secrets, Owner::Us, Privacy::Private)?;
    let (store, contents) = open_store(control, start, &secrets, create)?;
    let store = if start.system.is_some() { store.without_bootstrap_token() } else { store };
    right_backend(start, &contents, home)?;
    let journal = Journal::open(&secrets.join("audit")).map(|journal| journal.keeping(start.keep));
    let mut files = PolicyFiles::watch(home, owner)?;
    // A ca_file may lie where the fence will not let us.
    let (grants, providers) = (files.grants(), files.providers());
    let fd = fds.into_iter().next().ok_or_else(|| misled(&LaneError::Descriptors))?;
    let door = match start.role {
        Role::Broker => Door::Open(UnixListener::from(fd)),
        Role::Private | Role::Verify => Door::Private(UnixStream::from(fd)),
    };
    Ok(Prepared { store, contents, journal, files, grants, providers, door })
}

/// The keeper of a command may have the catalog open for as long as that command takes. A broker
/// waits for it; a command asks again, since a broker that starts may answer it sooner.
fn open_store(
    control: &Lane,
    start: &StartKeeper,
    secrets: &Path,
    create: Create,
) -> Result<(Store, Contents), Failure> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match Store::open(secrets, create) {
            Err(failure)
                if failure.class == FailureClass::TryAgain
                    && start.role == Role::Broker
                    && Instant::now() < deadline
                    && is_left_alone(control) => {}
            opened => return opened,
        }
    }
}

/// Lets a moment pass; whether the launcher has said nothing meanwhile, as it should not.
fn is_left_alone(control: &Lane) -> bool {
    poll(&mut [PollFd::new(control.as_fd(), PollFlags::POLLIN)], PollTimeout::from(LOCK_RETRY)) == Ok(0)
}

/// What `init` chose is remembered; to ask for another one later is a mistake, not a switch.
fn right_backend(start: &StartKeeper, contents: &Contents, home: &Path) -> Result<(), Failure> {
    match (start.backend, contents.backend) {
        (Some(asked), Some(chosen)) if asked != chosen => Err(Failure::new(
            FailureClass::Config,
            format!("{} holds a {chosen}, and a {asked} was asked for", home.display()),
            format!("unset UGENT_SECRETS_BACKEND, or set it (and `backend` in secrets.toml) to {chosen}"),
        )),
        (_, None) if !start.create => Err(not_set_up(home)),
        (_, None | Some(_)) => Ok(()),
    }
}

/// Whose the home and the policy in it may be.
fn owner_of_home(start: &StartKeeper) -> Owner {
    match start.system {
        None => Owner::Us,
        Some(_) => Owner::User(0),
    }
}

fn trusted(path: &Path, owner: Owner, privacy: Privacy) -> Result<(), Failure> {
    owned::directory_of(path, owner, privacy).map_err(|error| error.failure(path))
}

fn make(path: &Path) -> Result<(), Failure> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Failure::new(
            FailureClass::Io,
            format!("cannot make {}: {error}", path.display()),
            "make its parent directory, or choose another place with UGENT_HOME",
        )),
    }
}

fn not_set_up(home: &Path) -> Failure {
    Failure::new(
        FailureClass::Config,
        format!("there is no vault in {} yet", home.display()),
        "ugent secret init",
    )
}

fn misled(error: &LaneError) -> Failure {
    Failure::new(
        FailureClass::Usage,
        format!("keeperd was not started as it must be: {error}"),
        "it is started by `ugent secret broker start` or `secret-broker`, of the same version",
    )
}

fn no_memory(error: &proto::hazmat::NoSlot) -> Failure {
    Failure::new(
        FailureClass::Io,
        format!("keeperd cannot lock memory: {error}"),
        "raise RLIMIT_MEMLOCK, for example `ulimit -l 8192` or LimitMEMLOCK=8M in a unit",
    )
}
