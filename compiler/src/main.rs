//! The `sinew` command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    sinew::cli::main()
}
