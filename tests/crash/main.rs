//! Deaths at bad moments: what must go on goes on, and nothing is ever half there.

#[cfg(test)]
mod backups;
#[cfg(test)]
mod daemons;
#[cfg(test)]
mod deposits;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod rekeys;
#[cfg(test)]
mod rollbacks;
#[cfg(test)]
mod stopped;
#[cfg(test)]
mod tries;
