//! The key of one instance, from its reference or from the environment, at the moment of use.

use ugent_client::{Instance, resolve_api_key};

fn main() -> std::process::ExitCode {
    // As in: [llm.instances.openai] api_key_ref = "@openai_api_key"
    let reference = std::env::args().nth(1);
    let instance = Instance {
        api_key_ref: reference.as_deref(),
        env_var: Some("OPENAI_API_KEY"),
        ..Instance::named("openai")
    };
    match resolve_api_key(&instance) {
        // Here it would go into a request's header. It is wiped when `key` is dropped.
        Ok(key) => {
            eprintln!("{} bytes for {}", key.len(), instance.name);
            std::process::ExitCode::SUCCESS
        }
        // Names the instance, the handle, and what mends it; never a value.
        Err(failure) => {
            eprintln!("{failure}");
            std::process::ExitCode::from(failure.class.exit_code())
        }
    }
}
