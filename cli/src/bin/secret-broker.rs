//! `secret-broker`: the launcher of the broker, in the foreground.

fn main() -> std::process::ExitCode {
    cli::secret_broker()
}
