//! Operators of the family logic.

use super::Lower;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[];
