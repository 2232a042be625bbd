//! Which key an instance has. The order is fixed: `api_key_ref`, then `api_key`, then the variable.

use proto::failure::{Failure, FailureClass};
use proto::name::{Handle, Purpose};

use crate::client::{Client, no_room};
use crate::hazmat::Value;

/// An `[llm.instances.NAME]` of a configuration, as far as its key is concerned.
#[derive(Clone, Copy)]
pub struct Instance<'a> {
    /// Its name, for errors.
    pub name: &'a str,
    /// A handle, as in `@openai_api_key`; the `@` may be left out.
    pub api_key_ref: Option<&'a str>,
    /// A key in plain text.
    pub api_key: Option<&'a str>,
    /// The name of a variable of the environment.
    pub env_var: Option<&'a str>,
    /// What the key is for, as grants have it.
    pub purpose: &'a str,
}

impl<'a> Instance<'a> {
    /// One without a key, for `llm.chat`.
    #[must_use]
    pub const fn named(name: &'a str) -> Self {
        Self { name, api_key_ref: None, api_key: None, env_var: None, purpose: "llm.chat" }
    }
}

/// The key of that instance, from the broker of `UGENT_HOME` (default `~/.ugent`) where it is a
/// reference. The consumer is the one that stands for this user: `ugent-core`.
///
/// # Errors
/// [`Failure`], which names the instance, the handle, and what mends it.
pub fn resolve_api_key(instance: &Instance<'_>) -> Result<Value, Failure> {
    match instance.api_key_ref {
        Some(_) => Client::from_environment().and_then(|client| client.resolve_api_key(instance)),
        None => plain(instance),
    }
}

impl Client {
    /// The same, from this broker and as this consumer.
    ///
    /// # Errors
    /// As [`resolve_api_key`].
    pub fn resolve_api_key(&self, instance: &Instance<'_>) -> Result<Value, Failure> {
        let Some(reference) = instance.api_key_ref else { return plain(instance) };
        // What is no handle is not repeated: it may be a key in the wrong place.
        let at = if reference.starts_with('@') { "" } else { "@" };
        let handle = Handle::parse(&format!("{at}{reference}")).map_err(|error| {
            let what = format!("api_key_ref is {error}");
            named(
                instance,
                None,
                Failure::new(FailureClass::BadInput, what, "as in: api_key_ref = \"@openai_api_key\""),
            )
        })?;
        let purpose = Purpose::parse(instance.purpose).map_err(|error| {
            named(instance, None, Failure::new(FailureClass::BadInput, error.to_string(), "as in: llm.chat"))
        })?;
        self.lend(&handle, &purpose).map_err(|failure| named(instance, Some(&handle), failure))
    }
}

fn plain(instance: &Instance<'_>) -> Result<Value, Failure> {
    let copied = |text: &[u8]| Value::copied(text).map_err(|error| named(instance, None, no_room(error)));
    if let Some(key) = instance.api_key.filter(|key| !key.is_empty()) {
        return copied(key.as_bytes());
    }
    let found = instance.env_var.and_then(std::env::var_os).filter(|text| !text.is_empty());
    match found {
        Some(text) => copied(text.as_encoded_bytes()),
        None => {
            let what = match instance.env_var {
                Some(name) => format!("there is no api_key_ref, no api_key, and no ${name}"),
                None => "there is no api_key_ref and no api_key".to_owned(),
            };
            let hint = "ugent secret add @NAME --stdin < FILE; then api_key_ref = \"@NAME\"";
            Err(named(instance, None, Failure::new(FailureClass::Config, what, hint)))
        }
    }
}

fn named(instance: &Instance<'_>, handle: Option<&Handle>, failure: Failure) -> Failure {
    let handle = handle.map(|handle| format!("{handle}: ")).unwrap_or_default();
    Failure { what: format!("llm.instances.{}: {handle}{}", instance.name, failure.what), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_key_wins_over_the_environment_and_an_empty_one_is_none() {
        let both = Instance { api_key: Some("sk-plain"), env_var: Some("PATH"), ..Instance::named("x") };
        assert_eq!(resolve_api_key(&both).ok().unwrap().expose(), b"sk-plain");
        let empty = Instance { api_key: Some(""), ..both };
        assert_eq!(
            resolve_api_key(&empty).ok().unwrap().expose_text(),
            std::env::var("PATH").ok().as_deref()
        );
    }

    #[test]
    fn an_error_names_the_instance_and_never_what_stands_in_place_of_a_handle() {
        let none = Instance { env_var: Some("UGENT_NO_SUCH_VARIABLE"), ..Instance::named("openai") };
        let told = resolve_api_key(&none).err().unwrap().to_string();
        assert!(told.contains("llm.instances.openai") && told.contains("UGENT_NO_SUCH_VARIABLE"), "{told}");
        let wrong = Instance { api_key_ref: Some("sk-Secret!"), api_key: Some("sk-plain"), ..none };
        let told = resolve_api_key(&wrong).err().unwrap().to_string();
        assert!(told.contains("llm.instances.openai") && !told.contains("sk-"), "{told}");
    }
}
