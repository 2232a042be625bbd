//! Properties of everything that decodes bytes or text from outside: whatever comes in, nothing
//! panics, and what was written is read back as it was.

#[cfg(test)]
mod any;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod hazmat;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod names;
