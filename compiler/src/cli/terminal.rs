//! Standard output: text for people or one JSON object for machines. Errors of writing are reported, not panicked on.

use std::io::{self, Write};

use serde::Serialize;

use super::failure::Failure;

/// Writes `text` as it is.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::standard_output(&error))
}

/// Writes `value` as one line of JSON.
pub(super) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let line = serde_json::to_string(value)
        .map_err(|error| Failure::internal(format!("write JSON: {error}")))?;
    print(&(line + "\n"))
}
