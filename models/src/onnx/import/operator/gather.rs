//! Operators of the family gather.

use super::Lower;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[];
