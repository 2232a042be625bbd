//! What works: the commands, and requests through a broker, as a user has them.

#[cfg(test)]
mod approvals;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod brokers;
#[cfg(test)]
mod continues;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod echoes;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod exports;
#[cfg(test)]
mod grant_verbs;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod keepers;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod locking;
#[cfg(test)]
mod places;
#[cfg(test)]
mod providers;
#[cfg(test)]
mod rekey;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod revocations;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod verbs;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod workspaces;
