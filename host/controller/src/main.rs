//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    thymis_controller::cli::main()
}
