//! The vault in a keychain: the built programs on a session bus of their own, with a real
//! gnome-keyring, that is unlocked, locked, frozen, killed or missing. Nothing of the machine's own
//! sessions is touched.

#[cfg(test)]
mod absent;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod verbs;
