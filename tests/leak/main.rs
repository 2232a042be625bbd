//! Where a value must never be: in a file, a log, an argument or an environment.

#[cfg(test)]
mod everywhere;
