//! Axes of a value as the views of the runtime's steps.

use sinew_models::Node;
use sinew_runtime::format::View;

use super::{PackError, narrow};

/// `[elements before, axes in range, elements behind]`.
pub(super) fn view(
    node: &Node,
    shape: &[usize],
    axes: std::ops::Range<usize>,
) -> Result<View, PackError> {
    let product = |axes: &[usize]| narrow(node, axes.iter().product());
    Ok(View {
        outer: product(&shape[..axes.start])?,
        axis: product(&shape[axes.clone()])?,
        inner: product(&shape[axes.end..])?,
    })
}

/// The one run of axes along which `own`, aligned with `wanted` at the last axis, is repeated; empty where the two have the same
/// elements. `None` where there are several runs.
pub(super) fn repeated(own: &[usize], wanted: &[usize]) -> Option<std::ops::Range<usize>> {
    let missing = wanted.len() - own.len();
    let is_repeated = |axis: usize| {
        let length = axis.checked_sub(missing).map_or(1, |axis| own[axis]);
        length != wanted[axis]
    };
    let Some(start) = (0..wanted.len()).find(|axis| is_repeated(*axis)) else {
        return Some(0..0);
    };
    // Axes of length 1 belong to both sides.
    let end = (start..wanted.len())
        .find(|axis| !is_repeated(*axis) && wanted[*axis] != 1)
        .unwrap_or(wanted.len());
    (!(end..wanted.len()).any(is_repeated)).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_of_repeated_axes_is_found() {
        assert_eq!(repeated(&[2, 3], &[2, 3]), Some(0..0));
        assert_eq!(repeated(&[4, 1, 1], &[4, 5, 6]), Some(1..3));
        assert_eq!(repeated(&[6], &[4, 5, 6]), Some(0..2));
        assert_eq!(repeated(&[4, 1, 6], &[4, 5, 6]), Some(1..2));
        assert_eq!(repeated(&[], &[4, 1, 6]), Some(0..3));
        assert_eq!(repeated(&[1, 5, 1], &[4, 5, 6]), None);
    }
}
