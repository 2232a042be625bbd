//! keychaind. Everything is in the library beside it.

#[global_allocator]
static MEMORY: wiping::Wiping = wiping::Wiping::SYSTEM;

fn main() -> std::process::ExitCode {
    keychaind::keychaind()
}
