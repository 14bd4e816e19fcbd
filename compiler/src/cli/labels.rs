//! Class names from a text file.

use std::fs;
use std::path::Path;

use sinew_models::Network;

use super::failure::Failure;

/// `network` with the class names in a file, one per line.
pub(super) fn read_labels(network: Network, path: &Path) -> Result<Network, Failure> {
    let fail =
        |problem: String| Failure::input(format!("read class names {}: {problem}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let labels = text.lines().map(|line| line.trim().to_owned()).collect();
    network
        .with_labels(labels)
        .map_err(|error| fail(error.problem))
}
