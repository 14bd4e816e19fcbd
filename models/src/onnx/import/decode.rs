//! From the messages of a file to the graph that is walked: everything is checked that can be without knowing any operator.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::tensor_proto::DataLocation;
use onnx_protobuf::type_proto::Value as TypeValue;
use onnx_protobuf::{
    AttributeProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, ValueInfoProto,
    tensor_shape_proto::dimension::Value as DimensionValue,
};
use protobuf::Message;

use super::attribute::{Attribute, GraphNode};
use super::census;
use super::external;
use super::inline::{self, Opsets};
use super::lowering::Constant;
use super::tensor::{self, Data, ElementType, Tensor};
use crate::onnx::OnnxError;

/// The newest operator set whose meaning is known.
const NEWEST_OPSET: i64 = 27;

/// The oldest operator set that is supported. Before it, attributes had other names and operators other outputs.
const OLDEST_OPSET: i64 = 6;

/// An input or output as the file declares it.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub name: String,
    pub element: ElementType,
    /// Its axes; `None` for an axis of open length. Nothing where the file does not even tell their number.
    pub shape: Option<Vec<Option<usize>>>,
}

/// The tensors of a file by name.
pub(super) type Initializers = Vec<(String, Constant)>;

/// The graph of a file.
pub(super) struct Graph {
    pub name: String,
    pub nodes: Vec<GraphNode>,
    /// Without those that are initialisers.
    pub inputs: Vec<Declared>,
    pub outputs: Vec<Declared>,
}

/// Decodes a file. Tensors in other files and sparse ones may have `max_elements` elements in total.
pub(super) fn decode(
    bytes: &[u8],
    folder: Option<&Path>,
    max_elements: usize,
) -> Result<(Graph, Initializers), OnnxError> {
    census::check(bytes, census::Kind::Model)?;
    let model = ModelProto::parse_from_bytes(bytes)
        .map_err(|error| OnnxError::Malformed(error.to_string()))?;
    let Some(graph) = model.graph.into_option() else {
        return Err(OnnxError::Malformed("it has no graph".to_owned()));
    };
    let opsets = opsets(&model.opset_import)?;
    let mut tensors = Tensors {
        folder,
        elements_left: max_elements,
    };

    let mut initializers = Vec::new();
    for proto in graph.initializer {
        let name = proto.name.clone();
        let tensor = tensors.dense(proto)?;
        initializers.push((name.clone(), Constant::named(tensor, &name)));
    }
    for proto in graph.sparse_initializer {
        let name = proto.values.name.clone();
        let tensor = tensors.sparse(proto)?;
        initializers.push((name.clone(), Constant::named(tensor, &name)));
    }
    let known: HashSet<&str> = initializers.iter().map(|(name, _)| name.as_str()).collect();
    let inputs = graph
        .input
        .iter()
        .filter(|input| !known.contains(input.name.as_str()));
    let inputs = inputs.map(declared).collect::<Result<_, _>>()?;
    let outputs = graph
        .output
        .iter()
        .map(declared)
        .collect::<Result<_, _>>()?;

    let mut nodes = Vec::new();
    for (proto, opsets) in inline::expand(graph.node, &model.functions, opsets)? {
        nodes.push(node(proto, &opsets, &mut tensors)?);
    }
    let graph = Graph {
        name: graph.name,
        nodes,
        inputs,
        outputs,
    };
    check_names(&graph, &initializers)?;
    Ok((graph, initializers))
}

/// The versions of the operator sets by domain.
pub(super) fn opsets(imports: &[onnx_protobuf::OperatorSetIdProto]) -> Result<Opsets, OnnxError> {
    let opsets: Opsets = imports
        .iter()
        .map(|import| (plain_domain(&import.domain).to_owned(), import.version))
        .collect();
    match opsets.get("") {
        Some(version) if !(OLDEST_OPSET..=NEWEST_OPSET).contains(version) => {
            Err(OnnxError::Malformed(format!(
                "it is written in opset {version}; opsets {OLDEST_OPSET} to {NEWEST_OPSET} are known: \
                 convert it with onnx.version_converter"
            )))
        }
        _ => Ok(opsets),
    }
}

/// Most bytes of a name. Names of nodes are copied and put together.
const MAX_NAME: usize = 1024;

/// Whether a name is short enough.
pub(super) fn check_name(name: &str) -> Result<(), OnnxError> {
    if name.len() <= MAX_NAME {
        return Ok(());
    }
    let start: String = name.chars().take(40).collect();
    Err(OnnxError::Limit(format!(
        "the name \"{start}…\" has more than {MAX_NAME} bytes"
    )))
}

/// The domain, empty for the standard one.
pub(super) fn plain_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

/// Every value is made once, and has a name.
fn check_names(graph: &Graph, initializers: &Initializers) -> Result<(), OnnxError> {
    let mut names = HashMap::new();
    let inputs = graph.inputs.iter().map(|input| (&input.name, "an input"));
    let initializers = initializers
        .iter()
        .map(|(name, _)| (name, "an initialiser"));
    let results = graph.nodes.iter().flat_map(|node| {
        let outputs = node.outputs.iter().flatten();
        outputs.map(|name| (name, node.name.as_str()))
    });
    for (name, maker) in inputs.chain(initializers).chain(results) {
        check_name(name)?;
        if let Some(first) = names.insert(name, maker) {
            return Err(OnnxError::Malformed(format!(
                "value \"{name}\" is made twice, by {first} and by {maker}"
            )));
        }
    }
    Ok(())
}

fn declared(info: &ValueInfoProto) -> Result<Declared, OnnxError> {
    let name = info.name.clone();
    let fail = |problem: String| {
        OnnxError::Interface(format!("input or output \"{}\": {problem}", info.name))
    };
    let Some(TypeValue::TensorType(tensor)) = &info.type_.value else {
        return Err(fail("only tensors are supported".to_owned()));
    };
    let element = ElementType::from_code(tensor.elem_type.into()).map_err(fail)?;
    let axis = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::DimValue(length)) => usize::try_from(*length).ok(),
        _ => None,
    };
    let shape = tensor.shape.as_ref();
    let shape = shape.map(|shape| shape.dim.iter().map(|dim| axis(&dim.value)).collect());
    Ok(Declared {
        name,
        element,
        shape,
    })
}

fn node(proto: NodeProto, opsets: &Opsets, tensors: &mut Tensors) -> Result<GraphNode, OnnxError> {
    let optional = |name: String| (!name.is_empty()).then_some(name);
    let domain = plain_domain(&proto.domain);
    let operator = match domain {
        "" => proto.op_type.clone(),
        domain => format!("{domain}.{}", proto.op_type),
    };
    let first = proto.output.iter().find(|name| !name.is_empty());
    let name = match (&proto.name, first) {
        (name, Some(output)) if name.is_empty() => output.clone(),
        (name, _) => name.clone(),
    };
    let Some(opset) = opsets.get(domain).copied() else {
        return Err(OnnxError::Malformed(format!(
            "node \"{name}\" ({operator}): the model imports no operator set of its domain"
        )));
    };
    let mut attributes = BTreeMap::new();
    for proto in proto.attribute {
        let key = proto.name.clone();
        attributes.insert(key, attribute(proto, tensors)?);
    }
    Ok(GraphNode::new(
        name,
        operator,
        opset,
        proto.input.into_iter().map(optional).collect(),
        proto.output.into_iter().map(optional).collect(),
        attributes,
    ))
}

fn attribute(mut proto: AttributeProto, tensors: &mut Tensors) -> Result<Attribute, OnnxError> {
    if !proto.ref_attr_name.is_empty() {
        return Ok(Attribute::Other("a reference outside a function"));
    }
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes).map_or(Attribute::Other("bytes"), Attribute::Text)
    };
    Ok(match proto.type_.enum_value_or_default() {
        AttributeType::INT => Attribute::Int(proto.i),
        AttributeType::FLOAT => Attribute::Float(proto.f),
        AttributeType::STRING => text(proto.s),
        AttributeType::INTS => Attribute::Ints(proto.ints),
        AttributeType::FLOATS => Attribute::Floats(proto.floats),
        AttributeType::TENSOR => match proto.t.take() {
            Some(tensor) => Attribute::Tensor(tensors.dense(tensor)?.into()),
            None => Attribute::Other("an empty tensor"),
        },
        AttributeType::GRAPH | AttributeType::GRAPHS => Attribute::Other("a graph"),
        AttributeType::SPARSE_TENSOR => Attribute::Other("a sparse tensor"),
        AttributeType::STRINGS => Attribute::Other("strings"),
        _ => Attribute::Other("of a kind that is not supported"),
    })
}

/// Decodes tensors, and counts the elements of those that are not whole in the file.
struct Tensors<'a> {
    folder: Option<&'a Path>,
    elements_left: usize,
}

impl Tensors<'_> {
    fn dense(&mut self, proto: TensorProto) -> Result<Tensor, OnnxError> {
        let name = proto.name.clone();
        let problem = |problem| OnnxError::Tensor { name, problem };
        self.dense_or_problem(proto).map_err(problem)
    }

    fn dense_or_problem(&mut self, proto: TensorProto) -> Result<Tensor, String> {
        if proto.data_location.value() != DataLocation::EXTERNAL as i32 {
            return tensor::decode(proto, None);
        }
        let (_, elements) = tensor::shape_of(&proto.dims)?;
        self.claim(elements)?;
        // No element takes more than eight bytes.
        let limit = elements.saturating_mul(8);
        let bytes = external::read(self.folder, &proto.external_data, limit)?;
        tensor::decode(proto, Some(bytes))
    }

    fn sparse(&mut self, proto: SparseTensorProto) -> Result<Tensor, OnnxError> {
        let name = proto.values.name.clone();
        let problem = |problem| OnnxError::Tensor { name, problem };
        self.sparse_or_problem(proto).map_err(problem)
    }

    /// A tensor of zeros but for `values`, whose places `indices` say: one number each, or one for each axis.
    fn sparse_or_problem(&mut self, mut proto: SparseTensorProto) -> Result<Tensor, String> {
        let (shape, elements) = tensor::shape_of(&proto.dims)?;
        self.claim(elements)?;
        let (Some(values), Some(indices)) = (proto.values.take(), proto.indices.take()) else {
            return Err("has no values or no indices".to_owned());
        };
        let values = self.dense_or_problem(values)?;
        let indices = self.dense_or_problem(indices)?;
        let numbers = indices.integers().ok_or("its indices are no integers")?;
        let width = match indices.shape[..] {
            [_] => 1,
            [_, width] if width == shape.len() && width > 0 => width,
            _ => return Err(format!("its indices have shape {:?}", indices.shape)),
        };
        let lengths = if width == 1 && indices.shape.len() == 1 {
            vec![elements]
        } else {
            shape.clone()
        };
        if numbers.len() != values.elements().saturating_mul(width) {
            return Err(format!(
                "{} values have {} indices",
                values.elements(),
                numbers.len() / width
            ));
        }
        let place = |index: &[i64]| {
            let mut lengths = index.iter().zip(&lengths);
            lengths.try_fold(0usize, |place, (number, length)| {
                let number = usize::try_from(*number).ok().filter(|n| n < length)?;
                Some(place * length + number)
            })
        };
        let places: Option<Vec<usize>> = numbers.chunks_exact(width).map(place).collect();
        let places = places.ok_or("an index lies outside its shape")?;
        if !places.is_sorted_by(|a, b| a < b) {
            return Err("its indices are not rising".to_owned());
        }
        let data = match values.data {
            Data::Float(values) => Data::Float(scatter(&values, &places, elements)),
            Data::Int(values) => Data::Int(scatter(&values, &places, elements)),
        };
        Ok(Tensor {
            element: values.element,
            shape,
            data,
        })
    }

    fn claim(&mut self, elements: usize) -> Result<(), String> {
        let left = self.elements_left.checked_sub(elements);
        self.elements_left = left.ok_or_else(|| {
            format!(
                "its {elements} elements exceed what tensors outside the file and sparse ones may have in total"
            )
        })?;
        Ok(())
    }
}

fn scatter<T: Copy + Default>(values: &[T], places: &[usize], elements: usize) -> Vec<T> {
    let mut all = vec![T::default(); elements];
    for (place, value) in places.iter().zip(values) {
        all[*place] = *value;
    }
    all
}

#[cfg(test)]
mod tests;
