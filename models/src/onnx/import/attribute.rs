//! A node of the file as its lowering sees it: names of its values, and attributes with checked types.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::lowering::{Constant, Refusal};

/// The value of an attribute.
#[derive(Clone, Debug)]
pub(super) enum Attribute {
    Int(i64),
    Float(f32),
    Text(String),
    Tensor(Constant),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    /// A kind that no supported operator has, or a reference that no function call has filled in.
    Other(&'static str),
}

impl Attribute {
    fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Text(_) => "a string",
            Self::Tensor(_) => "a tensor",
            Self::Ints(_) => "integers",
            Self::Floats(_) => "floats",
            Self::Other(kind) => kind,
        }
    }
}

/// One node of the file.
#[derive(Clone, Debug)]
pub(super) struct GraphNode {
    /// Its name, or that of its first output.
    pub name: String,
    /// Its operator, `domain.operator` unless the domain is `ai.onnx`.
    pub operator: String,
    /// The version of the operator set of its domain.
    pub opset: i64,
    /// Names of the values it takes; `None` where an optional one is left out.
    pub inputs: Vec<Option<String>>,
    /// Names of the values it computes; `None` where one is not wanted.
    pub outputs: Vec<Option<String>>,
    attributes: BTreeMap<String, Attribute>,
    /// The attributes that were asked for: another one would change the meaning in a way nobody has looked at.
    known: RefCell<BTreeSet<&'static str>>,
}

impl GraphNode {
    pub(super) fn new(
        name: String,
        operator: String,
        opset: i64,
        inputs: Vec<Option<String>>,
        outputs: Vec<Option<String>>,
        attributes: BTreeMap<String, Attribute>,
    ) -> Self {
        Self {
            name,
            operator,
            opset,
            inputs,
            outputs,
            attributes,
            known: RefCell::default(),
        }
    }

    /// An integer attribute, or `default` where it is not given.
    pub(super) fn int(&self, name: &'static str, default: i64) -> Result<i64, Refusal> {
        self.get(name, "an integer", |attribute| match attribute {
            Attribute::Int(value) => Some(*value),
            _ => None,
        })
        .map(|value| value.unwrap_or(default))
    }

    /// A float attribute, or `default` where it is not given.
    pub(super) fn float(&self, name: &'static str, default: f32) -> Result<f32, Refusal> {
        self.get(name, "a float", |attribute| match attribute {
            Attribute::Float(value) => Some(*value),
            _ => None,
        })
        .map(|value| value.unwrap_or(default))
    }

    /// A string attribute, or `default` where it is not given.
    pub(super) fn string(&self, name: &'static str, default: &str) -> Result<String, Refusal> {
        self.get(name, "a string", |attribute| match attribute {
            Attribute::Text(text) => Some(text.clone()),
            _ => None,
        })
        .map(|value| value.unwrap_or_else(|| default.to_owned()))
    }

    /// An attribute with a list of integers.
    pub(super) fn ints(&self, name: &'static str) -> Result<Option<Vec<i64>>, Refusal> {
        self.get(name, "integers", |attribute| match attribute {
            Attribute::Ints(values) => Some(values.clone()),
            _ => None,
        })
    }

    /// An attribute with a list of floats.
    pub(super) fn floats(&self, name: &'static str) -> Result<Option<Vec<f32>>, Refusal> {
        self.get(name, "floats", |attribute| match attribute {
            Attribute::Floats(values) => Some(values.clone()),
            // Some exporters write an empty list without its type.
            Attribute::Ints(values) if values.is_empty() => Some(Vec::new()),
            _ => None,
        })
    }

    /// An attribute with a tensor.
    pub(super) fn tensor(&self, name: &'static str) -> Result<Option<Constant>, Refusal> {
        self.get(name, "a tensor", |attribute| match attribute {
            Attribute::Tensor(tensor) => Some(tensor.clone()),
            _ => None,
        })
    }

    /// Whether the attribute is given.
    pub(super) fn has(&self, name: &'static str) -> bool {
        self.known.borrow_mut().insert(name);
        self.attributes.contains_key(name)
    }

    /// Allows attributes that change nothing.
    pub(super) fn ignore(&self, names: &[&'static str]) {
        self.known.borrow_mut().extend(names);
    }

    /// An attribute that nothing has asked for, if there is one.
    pub(super) fn unknown_attribute(&self) -> Option<&str> {
        let known = self.known.borrow();
        let mut names = self.attributes.keys().map(String::as_str);
        names.find(|name| !known.contains(name))
    }

    fn get<T>(
        &self,
        name: &'static str,
        wanted: &str,
        value: impl Fn(&Attribute) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        self.known.borrow_mut().insert(name);
        let Some(attribute) = self.attributes.get(name) else {
            return Ok(None);
        };
        match value(attribute) {
            Some(value) => Ok(Some(value)),
            None => Err(Refusal(format!(
                "attribute \"{name}\" is {}, {wanted} was expected",
                attribute.kind()
            ))),
        }
    }
}
