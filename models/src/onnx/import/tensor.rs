//! Tensors of ONNX files: their element types and how their elements are stored.

use std::borrow::Cow;
use std::fmt;

use onnx_protobuf::TensorProto;
use onnx_protobuf::tensor_proto::{DataLocation, DataType};
use protobuf::Message;

use super::census;
use crate::onnx::OnnxError;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// IEEE 754 binary32.
    Float,
    /// IEEE 754 binary16.
    Float16,
    /// The upper half of a binary32.
    BFloat16,
    /// IEEE 754 binary64.
    Double,
    /// 4-bit integers.
    Int4,
    /// 8-bit integers.
    Int8,
    /// 16-bit integers.
    Int16,
    /// 32-bit integers.
    Int32,
    /// 64-bit integers.
    Int64,
    /// 4-bit integers without sign.
    Uint4,
    /// 8-bit integers without sign.
    Uint8,
    /// 16-bit integers without sign.
    Uint16,
    /// 32-bit integers without sign.
    Uint32,
    /// 64-bit integers without sign, below 2⁶³.
    Uint64,
    /// False or true: 0 or 1.
    Bool,
}

impl ElementType {
    /// The type with the number `code` in a file.
    pub(super) fn from_code(code: i64) -> Result<Self, String> {
        let known = i32::try_from(code)
            .ok()
            .and_then(<DataType as protobuf::Enum>::from_i32);
        Ok(match known {
            Some(DataType::FLOAT) => Self::Float,
            Some(DataType::FLOAT16) => Self::Float16,
            Some(DataType::BFLOAT16) => Self::BFloat16,
            Some(DataType::DOUBLE) => Self::Double,
            Some(DataType::INT4) => Self::Int4,
            Some(DataType::INT8) => Self::Int8,
            Some(DataType::INT16) => Self::Int16,
            Some(DataType::INT32) => Self::Int32,
            Some(DataType::INT64) => Self::Int64,
            Some(DataType::UINT4) => Self::Uint4,
            Some(DataType::UINT8) => Self::Uint8,
            Some(DataType::UINT16) => Self::Uint16,
            Some(DataType::UINT32) => Self::Uint32,
            Some(DataType::UINT64) => Self::Uint64,
            Some(DataType::BOOL) => Self::Bool,
            Some(other) => {
                return Err(format!(
                    "elements of type {} are not supported",
                    format!("{other:?}").to_lowercase()
                ));
            }
            None => return Err(format!("element type {code} is not known")),
        })
    }

    /// Whether elements are floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(
            self,
            Self::Float | Self::Float16 | Self::BFloat16 | Self::Double
        )
    }

    /// Smallest and largest element of an integer type or bool.
    pub fn integer_range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::Int4 => (-8, 7),
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN, i64::MAX),
            Self::Uint4 => (0, 15),
            Self::Uint8 => (0, u8::MAX.into()),
            Self::Uint16 => (0, u16::MAX.into()),
            Self::Uint32 => (0, u32::MAX.into()),
            Self::Uint64 => (0, i64::MAX),
            Self::Bool => (0, 1),
            _ => return None,
        })
    }

    /// Bits of one element in `raw_data`.
    fn bits(self) -> usize {
        match self {
            Self::Int4 | Self::Uint4 => 4,
            Self::Int8 | Self::Uint8 | Self::Bool => 8,
            Self::Float16 | Self::BFloat16 | Self::Int16 | Self::Uint16 => 16,
            Self::Float | Self::Int32 | Self::Uint32 => 32,
            Self::Double | Self::Int64 | Self::Uint64 => 64,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// A tensor of a file, or one computed from such at import.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The type its elements have in the file.
    pub element: ElementType,
    /// Its axes, slowest first; none for a single number. An axis may have length 0.
    pub shape: Vec<usize>,
    /// Its elements in row-major order.
    pub data: Data,
}

/// Elements in the form they are computed with.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Those of all floating-point types. A double is rounded.
    Float(Vec<f32>),
    /// Those of all integer types, and bools as 0 and 1.
    Int(Vec<i64>),
}

impl Tensor {
    /// A tensor of floats. There must be as many values as `shape` says.
    pub(super) fn of_floats(shape: Vec<usize>, values: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self {
            element: ElementType::Float,
            shape,
            data: Data::Float(values),
        }
    }

    /// A tensor of integers. There must be as many values as `shape` says, all in the range of `element`.
    pub(super) fn of_integers(element: ElementType, shape: Vec<usize>, values: Vec<i64>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self {
            element,
            shape,
            data: Data::Int(values),
        }
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        match &self.data {
            Data::Float(values) => values.len(),
            Data::Int(values) => values.len(),
        }
    }

    /// The elements as floats. Integers beyond 2²⁴ are rounded.
    pub fn floats(&self) -> Cow<'_, [f32]> {
        match &self.data {
            Data::Float(values) => Cow::Borrowed(values),
            Data::Int(values) => values.iter().map(|value| *value as f32).collect(),
        }
    }

    /// The elements of an integer or bool tensor.
    pub fn integers(&self) -> Option<&[i64]> {
        match &self.data {
            Data::Int(values) => Some(values),
            Data::Float(_) => None,
        }
    }

    /// The same elements in another shape of as many.
    pub(super) fn reshaped(mut self, shape: Vec<usize>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), self.elements());
        self.shape = shape;
        self
    }
}

/// A serialised `TensorProto`, as the test data of ONNX's own suite is stored.
///
/// # Errors
/// Where the bytes are no tensor, or one whose element type is not supported.
pub fn decode_tensor(bytes: &[u8]) -> Result<Tensor, OnnxError> {
    census::check(bytes, census::Kind::Tensor)?;
    let proto = TensorProto::parse_from_bytes(bytes)
        .map_err(|error| OnnxError::Malformed(error.to_string()))?;
    let name = proto.name.clone();
    decode(proto, None).map_err(|problem| OnnxError::Tensor { name, problem })
}

/// Most axes a constant may have.
pub(super) const MAX_AXES: usize = 32;

/// The shape that a file's dimensions say and its number of elements.
pub(super) fn shape_of(dims: &[i64]) -> Result<(Vec<usize>, usize), String> {
    if dims.len() > MAX_AXES {
        return Err(format!("{} axes are more than {MAX_AXES}", dims.len()));
    }
    let axes: Option<Vec<usize>> = dims.iter().map(|dim| usize::try_from(*dim).ok()).collect();
    let shape = axes.ok_or_else(|| format!("shape {dims:?} has a negative axis"))?;
    // An empty axis must not hide that the others are too long.
    let fits = shape
        .iter()
        .try_fold(1usize, |n, axis| n.checked_mul((*axis).max(1)));
    fits.ok_or_else(|| format!("shape {dims:?} is too large"))?;
    let elements = shape.iter().product();
    Ok((shape, elements))
}

/// The tensor of a file's message. `external` holds its bytes where they are kept in another file.
pub(super) fn decode(proto: TensorProto, external: Option<Vec<u8>>) -> Result<Tensor, String> {
    let element = ElementType::from_code(proto.data_type.into())?;
    let (shape, elements) = shape_of(&proto.dims)?;
    if external.is_none() && proto.data_location.value() == DataLocation::EXTERNAL as i32 {
        return Err("its elements are kept in another file".to_owned());
    }
    if proto.segment.is_some() {
        return Err("tensors in segments are not supported".to_owned());
    }
    let raw = external.or_else(|| (!proto.raw_data.is_empty()).then_some(proto.raw_data));
    let data = match raw {
        Some(raw) => from_raw(element, &raw, elements)?,
        None => {
            let typed = Typed {
                floats: proto.float_data,
                doubles: proto.double_data,
                small: proto.int32_data,
                signed: proto.int64_data,
                unsigned: proto.uint64_data,
            };
            typed.into_data(element, elements)?
        }
    };
    let tensor = Tensor {
        element,
        shape,
        data,
    };
    if tensor.elements() != elements {
        return Err(format!(
            "has {} elements, its shape {:?} asks for {elements}",
            tensor.elements(),
            tensor.shape
        ));
    }
    if let (Some((low, high)), Some(values)) = (element.integer_range(), tensor.integers())
        && let Some(value) = values.iter().find(|value| !(low..=high).contains(*value))
    {
        return Err(format!("element {value} is outside the range of {element}"));
    }
    Ok(tensor)
}

/// Elements from little-endian bytes.
fn from_raw(element: ElementType, raw: &[u8], elements: usize) -> Result<Data, String> {
    let wanted = elements
        .checked_mul(element.bits())
        .map(|bits| bits.div_ceil(8));
    if wanted != Some(raw.len()) {
        return Err(format!(
            "has {} bytes of data, {elements} elements of type {element} do not fill them",
            raw.len()
        ));
    }
    fn words<const N: usize, T>(raw: &[u8], word: impl Fn([u8; N]) -> T) -> Vec<T> {
        raw.as_chunks().0.iter().map(|bytes| word(*bytes)).collect()
    }
    let nibbles = |element: fn(u8) -> i64| {
        let pairs = raw.iter().flat_map(|byte| [byte & 15, byte >> 4]);
        Data::Int(pairs.take(elements).map(element).collect())
    };
    Ok(match element {
        ElementType::Float => Data::Float(words(raw, f32::from_le_bytes)),
        ElementType::Float16 => Data::Float(words(raw, |b| from_half(u16::from_le_bytes(b)))),
        ElementType::BFloat16 => Data::Float(words(raw, |b| from_brain(u16::from_le_bytes(b)))),
        ElementType::Double => Data::Float(words(raw, |b| f64::from_le_bytes(b) as f32)),
        ElementType::Int4 => nibbles(|nibble| i64::from((nibble << 4) as i8 >> 4)),
        ElementType::Uint4 => nibbles(i64::from),
        ElementType::Int8 => Data::Int(words(raw, |b| i8::from_le_bytes(b).into())),
        ElementType::Int16 => Data::Int(words(raw, |b| i16::from_le_bytes(b).into())),
        ElementType::Int32 => Data::Int(words(raw, |b| i32::from_le_bytes(b).into())),
        ElementType::Int64 => Data::Int(words(raw, i64::from_le_bytes)),
        ElementType::Uint8 => Data::Int(words(raw, |b| u8::from_le_bytes(b).into())),
        ElementType::Uint16 => Data::Int(words(raw, |b| u16::from_le_bytes(b).into())),
        ElementType::Uint32 => Data::Int(words(raw, |b| u32::from_le_bytes(b).into())),
        // Above 2⁶³ they come out negative, which the range check finds.
        ElementType::Uint64 => Data::Int(words(raw, i64::from_le_bytes)),
        ElementType::Bool => Data::Int(words(raw, |[b]: [u8; 1]| i64::from(b != 0))),
    })
}

/// The fields of a message that hold elements one by one.
struct Typed {
    floats: Vec<f32>,
    doubles: Vec<f64>,
    small: Vec<i32>,
    signed: Vec<i64>,
    unsigned: Vec<u64>,
}

impl Typed {
    fn into_data(self, element: ElementType, elements: usize) -> Result<Data, String> {
        let halves = |to_float: fn(u16) -> f32| {
            let bits = self.small.iter().map(|bits| to_float(*bits as u16));
            Data::Float(bits.collect())
        };
        Ok(match element {
            ElementType::Float => Data::Float(self.floats),
            ElementType::Float16 => halves(from_half),
            ElementType::BFloat16 => halves(from_brain),
            ElementType::Double => {
                Data::Float(self.doubles.iter().map(|value| *value as f32).collect())
            }
            ElementType::Int64 => Data::Int(self.signed),
            ElementType::Uint32 | ElementType::Uint64 => {
                Data::Int(self.unsigned.iter().map(|value| *value as i64).collect())
            }
            ElementType::Int4 | ElementType::Uint4 => {
                let bytes: Vec<u8> = self.small.iter().map(|pair| *pair as u8).collect();
                return from_raw(element, &bytes, elements);
            }
            ElementType::Bool => Data::Int(
                self.small
                    .iter()
                    .map(|value| i64::from(*value != 0))
                    .collect(),
            ),
            ElementType::Int8
            | ElementType::Int16
            | ElementType::Int32
            | ElementType::Uint8
            | ElementType::Uint16 => {
                Data::Int(self.small.iter().map(|value| i64::from(*value)).collect())
            }
        })
    }
}

/// The value of a bfloat16.
fn from_brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The value of an IEEE 754 binary16.
fn from_half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f32::from(bits & 1023);
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests;
