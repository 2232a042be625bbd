//! Names, parsed once at the edge: inside the broker no `String` means a handle.
//!
//! Every type here refuses what it does not know when it is parsed and when it is decoded from a
//! lane or a file. Errors say what is wrong and never repeat the text, which may be a key that
//! was typed in the wrong place.

mod consumer;
mod handle;
mod host;
mod method;
pub mod near;
mod provider;
mod purpose;
mod route;
mod text;
mod token_id;
mod words;

pub use consumer::Consumer;
pub use handle::Handle;
pub use host::Host;
pub use method::Method;
pub use provider::ProviderId;
pub use purpose::Purpose;
pub use route::RouteName;
pub use text::NameError;
pub(crate) use text::textual;
pub use token_id::TokenId;
pub(crate) use words::words;
pub use words::{Backend, Delivery, Kind};
