//! Where a value must never be: in a file, a log, an argument, an environment; and where it must not
//! be any more: in the memory and registers of a process that is done with it.

#[cfg(test)]
mod commands;
#[cfg(test)]
mod controls;
#[cfg(test)]
mod cores;
#[cfg(test)]
mod everywhere;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod keeper;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod terminal;
