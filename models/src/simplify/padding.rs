//! Zeros around a map, where a convolution pads by itself.

use super::draft::Draft;
use crate::network::ValueId;
use crate::operator::Operator;

/// Joins a selection that only adds zeros around a map's height or width into the convolution that takes it. The padding stays below
/// the kernel's extent, as engines expect it.
pub(super) fn join(draft: &mut Draft, value: ValueId) -> bool {
    let &[padded] = draft.inputs(value) else {
        return false;
    };
    let (
        Some(Operator::Convolution {
            weight,
            bias,
            window,
            groups,
        }),
        Some(Operator::Select {
            axis: axis @ (1 | 2),
            indices,
            fill: 0.0,
        }),
        &[map],
    ) = (
        draft.operator(value),
        draft.operator(padded),
        draft.inputs(padded),
    )
    else {
        return false;
    };
    let Some([before, after]) = margins(indices, draft.shape(map).0[*axis]) else {
        return false;
    };
    let (side, opposite) = (axis - 1, axis + 1);
    let mut window = *window;
    window.padding[side] += before;
    window.padding[opposite] += after;
    let extent = window.extent().expect("the kernel is not empty")[side];
    if window.padding[side].max(window.padding[opposite]) >= extent {
        return false;
    }
    let operator = Operator::Convolution {
        weight: *weight,
        bias: *bias,
        window,
        groups: *groups,
    };
    draft.replace(value, operator, vec![map]);
    true
}

/// How many positions are added before and after all `length` in order, if that is all the selection does.
fn margins(indices: &[Option<usize>], length: usize) -> Option<[usize; 2]> {
    let before = indices.iter().take_while(|index| index.is_none()).count();
    let after = indices.len().checked_sub(before + length)?;
    let (kept, rest) = indices[before..].split_at(length);
    let in_order = kept.iter().copied().eq((0..length).map(Some));
    (in_order && rest.iter().all(Option::is_none)).then_some([before, after])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Graph, assert_kept, nodes, origins, simplified};
    use super::*;
    use crate::window::Window;

    /// A 2×3×3 map with these positions of its rows, with this fill, under a 3×3 convolution with its own padding.
    fn padded(rows: &[Option<usize>], fill: f32, own: usize) -> Graph {
        let mut graph = Graph::new(&[2, 3, 3]);
        let x = graph.select("pad", 1, rows, fill, ValueId::INPUT);
        graph.convolution("conv", [2, 2], Window::square(3, 1, own), x);
        graph
    }

    #[test]
    fn zeros_around_the_map_become_padding() {
        let mut graph = Graph::new(&[2, 3, 3]);
        let rows = [None, Some(0), Some(1), Some(2), None, None];
        let columns = [None, None, Some(0), Some(1), Some(2)];
        let x = graph.select("rows", 1, &rows, 0.0, ValueId::INPUT);
        let x = graph.select("columns", 2, &columns, 0.0, x);
        graph.convolution("conv", [2, 2], Window::square(3, 1, 0), x);
        let network = graph.finish();
        let after = simplified(&network);
        assert_eq!(nodes(&after), ["conv: convolution"]);
        let Operator::Convolution { window, .. } = after.nodes()[0].operator else {
            panic!("the convolution stays one");
        };
        assert_eq!(window.padding, [1, 2, 2, 0]);
        assert_eq!(origins(&network), [[0, 1, 2]]);
    }

    #[test]
    fn other_selections_stay() {
        let in_order = [Some(0), Some(1), Some(2)];
        let pad = |before: usize, after: usize| -> Vec<Option<usize>> {
            let none = |count| std::iter::repeat_n(None, count);
            none(before).chain(in_order).chain(none(after)).collect()
        };
        assert_kept(&padded(&pad(1, 1), 1.0, 0).finish());
        // As far as the kernel reaches.
        assert_kept(&padded(&pad(3, 0), 0.0, 0).finish());
        assert_kept(&padded(&pad(0, 2), 0.0, 1).finish());
        assert_kept(&padded(&[None, Some(0), Some(1), None], 0.0, 0).finish());
        assert_kept(&padded(&[Some(0), None, Some(1), Some(2)], 0.0, 0).finish());
        assert_kept(&padded(&[None, Some(2), Some(1), Some(0)], 0.0, 0).finish());
        assert_kept(&padded(&[None, None, None], 0.0, 0).finish());
    }

    #[test]
    fn pools_and_channels_keep_their_zeros() {
        let mut graph = Graph::new(&[1, 3, 3]);
        let rows = [None, Some(0), Some(1), Some(2)];
        let x = graph.select("rows", 1, &rows, 0.0, ValueId::INPUT);
        let x = graph.node("pool", Operator::AveragePool(Window::square(2, 1, 0)), &[x]);
        let x = graph.select("channels", 0, &[Some(0), None], 0.0, x);
        graph.convolution("conv", [2, 2], Window::square(2, 1, 0), x);
        assert_kept(&graph.finish());
    }
}
