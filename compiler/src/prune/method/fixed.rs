//! No pruning: the masks that the network comes with stay.

use crate::prune::{Moment, Observe, PruneError, Sparsifier, Subject};

/// Keeps the masks as they are, as training of the dense network does.
#[derive(Clone, Copy, Debug)]
pub struct Fixed;

impl Sparsifier for Fixed {
    fn prepare(
        &mut self,
        _moment: &Moment,
        _subject: &mut Subject<'_>,
        _observe: Observe<'_>,
    ) -> Result<(), PruneError> {
        Ok(())
    }

    fn settled(&self, _moment: &Moment) -> bool {
        true
    }
}
