//! Transpositions that meet further down and cancel.
//!
//! Networks with channels last come with a pair of transpositions around each convolution. Whatever works on elements, or on axes by
//! their numbers, gives the same in any order of the axes. So transpositions sink through it, towards the output, until they come to a
//! node that needs them, or to their inverse. Values that are connected through such nodes form a region; the transpositions of a region
//! sink together, or not at all if that would make more of them.

use std::collections::{HashMap, HashSet};

use super::draft::Draft;
use crate::network::{Role, ValueId};
use crate::operator::Operator;
use crate::reference;
use crate::shape::Shape;

/// Lets transpositions sink in every region where that leaves no more of them. Those that move nothing but axes of length 1 become
/// reshapings. Returns whether anything changed.
pub(super) fn sink(draft: &mut Draft) -> bool {
    let order: Vec<ValueId> = draft.order().collect();
    let is_transposition =
        |value: &ValueId| matches!(draft.operator(*value), Some(Operator::Transpose { .. }));
    if !order.iter().any(is_transposition) {
        return false;
    }
    let plan = Plan::new(draft, &order);
    let changes = !plan.moved.is_empty();
    Changes {
        draft,
        plan,
        needed: HashMap::new(),
        constants: HashMap::new(),
    }
    .apply(&order);
    changes
}

/// A value of the network as a transposition of another.
#[derive(Clone)]
struct Moved {
    /// What is transposed: the same value in another order of the axes, if it can be computed in that, else one before it.
    base: ValueId,
    /// Axis `i` of the value is axis `order[i]` of what is transposed.
    order: Vec<usize>,
    region: usize,
}

/// What sinks.
struct Plan {
    moved: HashMap<ValueId, Moved>,
    /// Values that somebody takes as they are.
    needed: HashSet<ValueId>,
    /// A forest of regions that have become one.
    parents: Vec<usize>,
}

impl Plan {
    fn new(draft: &mut Draft, order: &[ValueId]) -> Self {
        let mut plan = Self {
            moved: HashMap::new(),
            needed: HashSet::new(),
            parents: Vec::new(),
        };
        for value in order {
            let moved = match draft.operator(*value) {
                Some(Operator::Transpose { order }) => {
                    Some(plan.transposed(draft.inputs(*value)[0], order))
                }
                _ => plan.absorbed(draft, *value),
            };
            match moved {
                Some(moved) => {
                    plan.moved.insert(*value, moved);
                }
                None => plan.needed.extend(draft.inputs(*value)),
            }
        }
        plan.needed.insert(draft.output());
        plan.keep_what_gains(draft, order);
        plan
    }

    /// The result of a transposition of `input`.
    fn transposed(&mut self, input: ValueId, order: &[usize]) -> Moved {
        match self.moved.get(&input) {
            Some(moved) => Moved {
                order: order.iter().map(|axis| moved.order[*axis]).collect(),
                ..moved.clone()
            },
            None => {
                self.parents.push(self.parents.len());
                Moved {
                    base: input,
                    order: order.to_vec(),
                    region: self.parents.len() - 1,
                }
            }
        }
    }

    /// The value of a node that can work on what its inputs are transpositions of.
    fn absorbed(&mut self, draft: &mut Draft, value: ValueId) -> Option<Moved> {
        let mut inputs = draft.inputs(value).iter();
        let Moved { order, region, .. } = inputs.find_map(|input| self.sinking(*input))?.clone();
        relaid(draft.operator(value)?, &order)?;
        let shape = draft.shape(value);
        if order.len() != shape.0.len() {
            return None;
        }
        let mut copied = 0;
        let mut regions = Vec::new();
        for input in draft.inputs(value) {
            let shape = draft.shape(*input);
            match self.sinking(*input) {
                Some(moved) if moved.order == order => regions.push(moved.region),
                Some(_) => return None,
                None if draft.constant(*input).is_some() => copied += shape.elements(),
                None if moves_nothing(&padded(shape, order.len()), &order) => {
                    // What it takes may be the end of a pair that cancels.
                    regions.extend(self.moved.get(input).map(|moved| moved.region));
                }
                None => return None,
            }
        }
        if !draft.spend(copied) {
            return None;
        }
        for other in regions {
            let (one, other) = (self.root(region), self.root(other));
            self.parents[other] = one;
        }
        Some(Moved {
            base: value,
            order,
            region,
        })
    }

    /// A value as a transposition, unless it is one that has been cancelled.
    fn sinking(&self, value: ValueId) -> Option<&Moved> {
        let moved = self.moved.get(&value);
        moved.filter(|moved| !moved.order.is_sorted())
    }

    fn root(&mut self, mut region: usize) -> usize {
        while self.parents[region] != region {
            self.parents[region] = self.parents[self.parents[region]];
            region = self.parents[region];
        }
        region
    }

    /// Forgets regions where nothing would change, or where there would be more transpositions than before.
    fn keep_what_gains(&mut self, draft: &Draft, order: &[ValueId]) {
        let mut gains = vec![0isize; self.parents.len()];
        let mut changes = vec![false; self.parents.len()];
        for value in order {
            let Some(moved) = self.moved.get(value) else {
                continue;
            };
            let (base, region) = (moved.base, moved.region);
            let stays =
                self.needed.contains(value) && !moves_nothing(draft.shape(*value), &moved.order);
            let (before, is_new) = match draft.operator(*value) {
                Some(Operator::Transpose { order }) => {
                    let shape = draft.shape(*value);
                    let trivial = moves_nothing(shape, order);
                    (!trivial, trivial || draft.inputs(*value) != [base])
                }
                _ => (false, true),
            };
            let region = self.root(region);
            gains[region] += isize::from(before) - isize::from(stays);
            changes[region] |= is_new;
        }
        let mut moved = std::mem::take(&mut self.moved);
        moved.retain(|_, moved| {
            let region = self.root(moved.region);
            gains[region] >= 0 && changes[region]
        });
        self.moved = moved;
    }
}

/// Carries a plan out.
struct Changes<'a> {
    draft: &'a mut Draft,
    plan: Plan,
    /// For values that are computed in another order and needed as they were: where they are.
    needed: HashMap<ValueId, ValueId>,
    /// For constants and orders: the constant in the other order.
    constants: HashMap<(ValueId, Vec<usize>), ValueId>,
}

impl Changes<'_> {
    fn apply(&mut self, order: &[ValueId]) {
        for value in order {
            // Transpositions that nobody needs any more go with the last node that took them.
            let Some(operator) = self.draft.operator(*value) else {
                continue;
            };
            let operator = operator.clone();
            match self.plan.moved.get(value).cloned() {
                Some(Moved { base, order, .. }) if base != *value => {
                    let operator = self.transposition(*value, order);
                    self.draft.replace(*value, operator, vec![base]);
                }
                Some(Moved { order, .. }) => self.relay(*value, &operator, order),
                None => {
                    let before = self.draft.inputs(*value);
                    let inputs: Vec<ValueId> = before.iter().map(|i| self.plain(*i)).collect();
                    if inputs != before {
                        self.draft.replace(*value, operator, inputs);
                    }
                }
            }
        }
    }

    /// Has a node compute its value in the order of its inputs.
    fn relay(&mut self, value: ValueId, operator: &Operator, order: Vec<usize>) {
        let inputs = self.draft.inputs(value).to_vec();
        let inputs = inputs
            .into_iter()
            .map(|input| match self.plan.sinking(input) {
                Some(moved) => moved.base,
                None => self.reordered(input, &order),
            });
        let inputs = inputs.collect();
        let needed = self.plan.needed.contains(&value);
        let transposition = self.transposition(value, order.clone());
        let operator = relaid(operator, &order).expect("the plan has asked");
        self.draft.replace(value, operator, inputs);
        if needed {
            let moved = self
                .draft
                .insert(value, "transposed", transposition, vec![value]);
            if value == self.draft.output() {
                self.draft.set_output(moved);
            }
            self.needed.insert(value, moved);
        }
    }

    /// A value that is not transposed so that it can be used beside some that are: as it would be before a transposition by `order`.
    fn reordered(&mut self, input: ValueId, order: &[usize]) -> ValueId {
        let input = self.plain(input);
        let shape = self.draft.shape(input);
        if shape.elements() == 1 {
            return input;
        }
        let from = padded(shape, order.len());
        let mut inverse = vec![0; order.len()];
        for (axis, before) in order.iter().enumerate() {
            inverse[*before] = axis;
        }
        let shape: Vec<usize> = inverse.iter().map(|axis| from.0[*axis]).collect();
        let Some(constant) = self.draft.constant(input) else {
            let operator = Operator::Reshape { shape };
            return self.draft.insert(input, "reordered", operator, vec![input]);
        };
        let key = (input, order.to_vec());
        if let Some(constant) = self.constants.get(&key) {
            return *constant;
        }
        let operator = Operator::Transpose { order: inverse };
        let taken = [(&from, constant.values())];
        let values = reference::compute(&operator, &[], &taken, &Shape(shape.clone()));
        let value = self
            .draft
            .add_parameter(input, "reordered", Role::Constant, shape, values);
        let constant = Operator::Constant { value };
        let constant = self.draft.insert(input, "reordered", constant, Vec::new());
        self.constants.insert(key, constant);
        constant
    }

    /// Where a value is as it was before.
    fn plain(&self, value: ValueId) -> ValueId {
        match self.plan.moved.get(&value) {
            Some(moved) if moved.order.is_sorted() => moved.base,
            Some(moved) if moved.base == value => self.needed[&value],
            _ => value,
        }
    }

    /// What makes `value`, with the shape it has now, of what it is a transposition of.
    fn transposition(&self, value: ValueId, order: Vec<usize>) -> Operator {
        let shape = self.draft.shape(value);
        match moves_nothing(shape, &order) {
            true => Operator::Reshape {
                shape: shape.0.clone(),
            },
            false => Operator::Transpose { order },
        }
    }
}

/// What an operator is on values before a transposition by `order` to give its result before the same; nothing for operators that need
/// their axes where they are.
fn relaid(operator: &Operator, order: &[usize]) -> Option<Operator> {
    let mut operator = operator.clone();
    match &mut operator {
        Operator::Unary(_) | Operator::Binary(_) | Operator::Where => {}
        Operator::Reduce { axes, .. } => {
            axes.iter_mut().for_each(|axis| *axis = order[*axis]);
            axes.sort_unstable();
        }
        Operator::Softmax { axis } | Operator::Concat { axis } | Operator::Select { axis, .. } => {
            *axis = order[*axis];
        }
        _ => return None,
    }
    Some(operator)
}

/// Whether a transposition by `order` to `shape` leaves the elements where they are.
fn moves_nothing(shape: &Shape, order: &[usize]) -> bool {
    let long = shape.0.iter().zip(order).filter(|(length, _)| **length > 1);
    long.map(|(_, axis)| axis).is_sorted()
}

/// The shape with axes of length 1 before the others.
fn padded(shape: &Shape, rank: usize) -> Shape {
    let mut axes = vec![1; rank - shape.0.len()];
    axes.extend(&shape.0);
    Shape(axes)
}

#[cfg(test)]
mod tests;
