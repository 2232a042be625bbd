//! `ugent`: the command users type. Everything is in the library beside it.

fn main() -> std::process::ExitCode {
    cli::ugent()
}
