//! What holds each daemon: code that is not there at all (INV-03, INV-06), and the kernel, tried from
//! inside (INV-03, INV-07) and from outside.

#[cfg(test)]
mod inside;
#[cfg(test)]
mod lacking;
#[cfg(test)]
mod linked;
#[cfg(test)]
mod live;
#[cfg(test)]
mod outside;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod without;
