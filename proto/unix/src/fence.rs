//! Landlock: which files, TCP ports, abstract sockets and processes remain in reach (landlock(7)).
//!
//! What a fence does not name is closed, as far as this kernel knows how. Descriptors that are open
//! before it is raised stay open. It holds the thread that raises it and those it starts after.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use proto::standing::Layer;

/// The newest version whose rights we know the effect of.
const KNOWN: ABI = ABI::V7;

/// The first versions that know what their names say (landlock(7)).
const KNOWS_TCP: u16 = 4;
const KNOWS_SCOPES: u16 = 6;

/// What remains in reach. Empty: nothing.
#[derive(Debug, Default)]
#[must_use]
pub struct Fence {
    reading: Vec<PathBuf>,
    writing: Vec<PathBuf>,
    ports: Vec<u16>,
}

/// A fence that stands.
#[derive(Debug)]
pub struct Raised {
    /// The kernel's version, as far as we use it.
    pub abi: u16,
    /// What is closed.
    pub layers: Vec<Layer>,
}

impl Fence {
    /// Nothing.
    pub fn closed() -> Self {
        Self::default()
    }

    /// But for reading files and directories below that one.
    pub fn reading(mut self, below: &Path) -> Self {
        self.reading.push(below.to_owned());
        self
    }

    /// But for reading, making, writing, renaming and removing files, and making directories, below
    /// that one. Executing nothing.
    pub fn writing(mut self, below: &Path) -> Self {
        self.writing.push(below.to_owned());
        self
    }

    /// But for connecting to that TCP port, at any address.
    pub fn connecting(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Raises it; there is no way back.
    ///
    /// # Errors
    /// The kernel has no Landlock, or refuses; or a directory cannot be opened.
    pub fn raise(self) -> io::Result<Raised> {
        let refused = |error: landlock::RulesetError| io::Error::other(error.to_string());
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(KNOWN))
            .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(KNOWN)))
            .and_then(|ruleset| ruleset.scope(Scope::from_all(KNOWN)))
            .and_then(Ruleset::create)
            .map_err(refused)?;
        let mut ruleset = ruleset;
        let paths = self
            .reading
            .iter()
            .map(|path| (path, read()))
            .chain(self.writing.iter().map(|path| (path, write())));
        for (path, access) in paths {
            let fd = PathFd::new(path).map_err(|error| io::Error::other(error.to_string()))?;
            ruleset = ruleset.add_rule(PathBeneath::new(fd, access)).map_err(refused)?;
        }
        for port in self.ports {
            ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp)).map_err(refused)?;
        }
        let status = ruleset.restrict_self().map_err(refused)?;
        let LandlockStatus::Available { effective_abi, .. } = status.landlock else {
            return Err(io::Error::from_raw_os_error(nix::libc::EOPNOTSUPP));
        };
        if status.ruleset == RulesetStatus::NotEnforced {
            return Err(io::Error::other("the kernel accepted the rules and does not hold them"));
        }
        let abi = u16::try_from(effective_abi as i32).unwrap_or_default();
        let mut layers = vec![Layer::Files];
        layers.extend((abi >= KNOWS_TCP).then_some(Layer::TcpPorts));
        layers.extend((abi >= KNOWS_SCOPES).then_some(Layer::Scopes));
        Ok(Raised { abi, layers })
    }
}

fn read() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

fn write() -> BitFlags<AccessFs> {
    read()
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
}
