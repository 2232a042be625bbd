//! Speed and memory of the release build: what the daily commands may cost, and an idle broker.

#[cfg(test)]
mod idle;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod list;
#[cfg(test)]
mod scrub;
