//! What each daemon is linked with: INV-03 and INV-06 begin with code that is not there at all.

#[cfg(test)]
mod linked;
