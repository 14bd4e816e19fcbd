//! Values of the ONNX graph: constants with their elements, and what the network computes.

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use crate::network::ValueId;
use crate::onnx::import::tensor::{ElementType, Tensor};

/// Why a node is refused, and what would help. The walk over the graph adds which node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::onnx::import) struct Refusal(pub String);

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tensor that does not depend on the input, and the name it has in the file, if any. Parameters made from it get that name.
#[derive(Clone, Debug)]
pub(in crate::onnx::import) struct Constant {
    pub(super) tensor: Rc<Tensor>,
    pub(super) name: Option<Rc<str>>,
}

impl Constant {
    /// A constant with the name it has in the file.
    pub(in crate::onnx::import) fn named(tensor: Tensor, name: &str) -> Self {
        Self {
            tensor: Rc::new(tensor),
            name: Some(name.into()),
        }
    }

    /// The same thing with its elements in another layout: keeps the name.
    pub(in crate::onnx::import) fn with(&self, tensor: Tensor) -> Self {
        Self {
            tensor: Rc::new(tensor),
            name: self.name.clone(),
        }
    }

    /// The same tensor under the name of another constant, from which it was made.
    pub(in crate::onnx::import) fn named_as(self, source: &Self) -> Self {
        Self {
            tensor: self.tensor,
            name: source.name.clone(),
        }
    }

    /// The tensor, without a copy where nobody else holds it.
    pub(super) fn into_tensor(self) -> Tensor {
        Rc::unwrap_or_clone(self.tensor)
    }
}

impl From<Tensor> for Constant {
    fn from(tensor: Tensor) -> Self {
        Self {
            tensor: Rc::new(tensor),
            name: None,
        }
    }
}

impl Deref for Constant {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.tensor
    }
}

/// A value that the network computes.
#[derive(Clone, Debug)]
pub(in crate::onnx::import) struct Computed {
    /// Its number in the network.
    pub(super) id: ValueId,
    /// Its shape in the ONNX graph.
    pub(super) shape: Vec<usize>,
    /// The element type it has in the ONNX graph; the network computes floats.
    pub(super) element: ElementType,
}

/// A value of the ONNX graph.
#[derive(Clone, Debug)]
pub(in crate::onnx::import) enum Value {
    Constant(Constant),
    Computed(Computed),
}

impl Value {
    /// Its shape in the ONNX graph.
    pub(in crate::onnx::import) fn shape(&self) -> &[usize] {
        match self {
            Self::Constant(constant) => &constant.shape,
            Self::Computed(computed) => &computed.shape,
        }
    }

    /// Number of axes.
    pub(in crate::onnx::import) fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    pub(in crate::onnx::import) fn elements(&self) -> usize {
        self.shape().iter().product()
    }

    /// The type of its elements in the ONNX graph.
    pub(in crate::onnx::import) fn element(&self) -> ElementType {
        match self {
            Self::Constant(constant) => constant.element,
            Self::Computed(computed) => computed.element,
        }
    }

    /// The tensor, where the value does not depend on the input.
    pub(in crate::onnx::import) fn constant(&self) -> Option<&Constant> {
        match self {
            Self::Constant(constant) => Some(constant),
            Self::Computed(_) => None,
        }
    }

    /// The axis that a number of the file means: negative ones count from the end.
    pub(in crate::onnx::import) fn axis(&self, number: i64) -> Result<usize, Refusal> {
        axis(number, self.rank())
    }

    /// The axes that numbers of the file mean, rising.
    pub(in crate::onnx::import) fn axes(&self, numbers: &[i64]) -> Result<Vec<usize>, Refusal> {
        axes(numbers, self.rank())
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::Constant(tensor.into())
    }
}

/// The position that a number of the file means on an axis of `length`: negative ones count from the end, and what lies outside is
/// moved to the nearest end.
pub(in crate::onnx::import) fn position(number: i64, length: usize) -> usize {
    let length = i128::try_from(length).unwrap_or(i128::MAX);
    let number = i128::from(number);
    let position = if number < 0 { number + length } else { number };
    usize::try_from(position.clamp(0, length)).unwrap_or_default()
}

/// The axis of `rank` that a number of the file means: negative ones count from the end.
pub(in crate::onnx::import) fn axis(number: i64, rank: usize) -> Result<usize, Refusal> {
    let from_end = |rank: usize| rank.checked_sub(usize::try_from(number.unsigned_abs()).ok()?);
    let axis = match number {
        ..0 => from_end(rank),
        _ => usize::try_from(number).ok().filter(|axis| *axis < rank),
    };
    axis.ok_or_else(|| Refusal(format!("axis {number} of a value with {rank} axes")))
}

/// The axes of `rank` that numbers of the file mean, rising.
pub(in crate::onnx::import) fn axes(numbers: &[i64], rank: usize) -> Result<Vec<usize>, Refusal> {
    if numbers.len() > rank {
        return Err(Refusal(format!("{} axes of {rank}", numbers.len())));
    }
    let mut axes = Vec::new();
    for number in numbers {
        let axis = axis(*number, rank)?;
        if axes.contains(&axis) {
            return Err(Refusal(format!("axis {axis} is named twice")));
        }
        axes.push(axis);
    }
    axes.sort_unstable();
    Ok(axes)
}
