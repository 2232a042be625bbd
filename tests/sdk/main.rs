//! The official SDKs, unchanged, with a broker token for a key.

#[cfg(test)]
mod documents;
#[cfg(test)]
mod exec;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod python;
