//! What is refused: requests without a right, commands with bad input, homes that are not safe.

#[cfg(test)]
mod backups;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod grant_terms;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod hazmat;
#[cfg(test)]
mod homes;
#[cfg(test)]
mod input;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod others;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod system;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod tries;
#[cfg(test)]
mod wire;
