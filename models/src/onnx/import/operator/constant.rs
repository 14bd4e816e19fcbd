//! Operators of the family constant.

use super::Lower;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[];
