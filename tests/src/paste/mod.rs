//! What stands in help texts and documents, pasted into a shell: the ground it is pasted on, and what
//! of it is one home's own and is put in here. Whoever adds an example adds nothing else, unless it needs a
//! ground of its own.

mod ground;
mod help;
mod markdown;

pub use ground::{Ground, Stage};
pub use help::{Example, every_command, examples};
pub use markdown::{Block, How, blocks};
