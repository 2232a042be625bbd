//! What a peer may make a lane do with descriptors, and with locked memory that is short. Limits
//! and descriptors belong to the whole process, so one test runs at a time.

#[cfg(test)]
mod descriptors;
#[cfg(test)]
mod room;

/// Held by each test for as long as it runs.
#[cfg(test)]
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
