//! `secret-broker`: the launcher of the broker, in the foreground.

#[global_allocator]
static MEMORY: wiping::Wiping = wiping::Wiping::SYSTEM;

fn main() -> std::process::ExitCode {
    cli::secret_broker()
}
