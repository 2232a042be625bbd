//! Programs that need a value themselves: `exec`, and the client crate.

#[cfg(test)]
mod client;
#[cfg(test)]
mod config;
#[cfg(test)]
mod environment;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod loans;
#[cfg(test)]
mod looked_into;
#[cfg(test)]
mod output;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod terminal;
