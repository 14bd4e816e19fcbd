//! What each operator is in ONNX: one node where the standard has one, else a few that come back as one.

use onnx_protobuf::AttributeProto;
use onnx_protobuf::tensor_proto::DataType;

use super::graph::{GraphWriter, dims, float, int, ints};
use super::{ExportError, select};
use crate::function::{BinaryFunction, Function, Reduction};
use crate::network::{Node, ParameterId};
use crate::operator::Operator;
use crate::window::Window;

/// Writes what computes `node`, with a result called `name`. Returns the type that the elements have in ONNX.
///
/// # Errors
/// If it contains a number that ONNX cannot hold.
pub(super) fn write(
    writer: &mut GraphWriter,
    node: &Node,
    name: &str,
) -> Result<DataType, ExportError> {
    let mut out = Out { writer, node, name };
    match &node.operator {
        Operator::Constant { value } => return Ok(writer.constant(*value, name)),
        Operator::Normalize { mean, deviation } => out.normalize(mean, deviation),
        Operator::Convolution {
            weight,
            bias,
            window,
            groups,
        } => {
            let mut attributes = out.window(window)?;
            attributes.push(int("group", *groups as i64));
            let parameters = [Some(*weight), *bias].into_iter().flatten();
            out.layer("Conv", parameters, attributes);
        }
        Operator::Linear { weight, bias } => out.linear(*weight, *bias),
        Operator::MatMul => out.broadcast("MatMul"),
        Operator::BatchNorm { epsilon, .. } => {
            let attributes = vec![float("epsilon", *epsilon)];
            out.layer("BatchNormalization", node.operator.parameters(), attributes);
        }
        Operator::Unary(function) => out.unary(*function),
        Operator::Binary(function) => out.broadcast(binary(*function)),
        Operator::Where => out.broadcast("Where"),
        Operator::MaxPool(window) => {
            let attributes = out.window(window)?;
            out.apply("MaxPool", attributes);
        }
        Operator::AveragePool(window) => {
            let attributes = out.window(window)?;
            out.apply("AveragePool", attributes);
        }
        Operator::Reduce {
            reduction: Reduction::ArgMaximum,
            axes,
        } => out.apply("ArgMax", vec![along(axes[0])]),
        Operator::Reduce { reduction, axes } => out.reduce(reduce(*reduction), axes),
        Operator::Softmax { axis } => out.apply("Softmax", vec![along(*axis)]),
        Operator::Concat { axis } => out.concat(*axis),
        Operator::Reshape { shape } => {
            let x = out.x();
            out.writer.reshape(&x, shape, name);
        }
        Operator::Transpose { order } => {
            let order = order.iter().map(|axis| *axis as i64 + 1);
            out.apply(
                "Transpose",
                vec![ints("perm", [0].into_iter().chain(order))],
            );
        }
        Operator::Select {
            axis,
            indices,
            fill,
        } => {
            let x = out.x();
            let shape = writer.shape(node.inputs[0]);
            select::write(writer, (&x, shape), *axis, (indices, *fill), name);
        }
    }
    Ok(element(&node.operator))
}

/// The type that ONNX gives the operator's elements.
fn element(operator: &Operator) -> DataType {
    match operator {
        Operator::Binary(BinaryFunction::Greater | BinaryFunction::Equal) => DataType::BOOL,
        Operator::Reduce {
            reduction: Reduction::ArgMaximum,
            ..
        } => DataType::INT64,
        _ => DataType::FLOAT,
    }
}

/// An attribute that names an axis of the network.
fn along(axis: usize) -> AttributeProto {
    int("axis", axis as i64 + 1)
}

fn binary(function: BinaryFunction) -> &'static str {
    match function {
        BinaryFunction::Add => "Add",
        BinaryFunction::Subtract => "Sub",
        BinaryFunction::Multiply => "Mul",
        BinaryFunction::Divide => "Div",
        BinaryFunction::Minimum => "Min",
        BinaryFunction::Maximum => "Max",
        BinaryFunction::Power => "Pow",
        BinaryFunction::Greater => "Greater",
        BinaryFunction::Equal => "Equal",
    }
}

fn reduce(reduction: Reduction) -> &'static str {
    match reduction {
        Reduction::Sum => "ReduceSum",
        Reduction::Mean => "ReduceMean",
        Reduction::Maximum => "ReduceMax",
        Reduction::Minimum => "ReduceMin",
        Reduction::Product => "ReduceProd",
        Reduction::ArgMaximum => "ArgMax",
    }
}

/// One node of the network on its way out.
struct Out<'w, 'n> {
    writer: &'w mut GraphWriter<'n>,
    node: &'w Node,
    name: &'w str,
}

impl Out<'_, '_> {
    /// The name of the only input.
    fn x(&mut self) -> String {
        self.writer.number(self.node.inputs[0])
    }

    /// A name for something that only this node needs.
    fn part(&self, part: &str) -> String {
        format!("{}/{part}", self.name)
    }

    /// One node of one input.
    fn apply(&mut self, kind: &str, attributes: Vec<AttributeProto>) {
        let x = self.x();
        self.writer.node(kind, &[&x], self.name, attributes);
    }

    /// One node of one input and parameters as they are.
    fn layer(
        &mut self,
        kind: &str,
        parameters: impl IntoIterator<Item = ParameterId>,
        attributes: Vec<AttributeProto>,
    ) {
        let mut inputs = vec![self.x()];
        inputs.extend(parameters.into_iter().map(|id| self.writer.parameter(id)));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.writer.node(kind, &inputs, self.name, attributes);
    }

    /// One node with as many inputs as the network's, broadcast against each other.
    fn broadcast(&mut self, kind: &str) {
        let ids = &self.node.inputs;
        let ranks = ids.iter().map(|id| self.writer.shape(*id).len());
        let rank = ranks.max().expect("operators that broadcast take values");
        let mut inputs = Vec::new();
        for (index, id) in ids.iter().enumerate() {
            let input = match (&self.node.operator, index) {
                (Operator::Where, 0) => self.writer.truth(*id, self.name),
                _ => self.writer.number(*id),
            };
            inputs.push(self.writer.aligned(input, *id, rank, self.name));
        }
        self.many(kind, &inputs, Vec::new());
    }

    /// One node of any inputs.
    fn many(&mut self, kind: &str, inputs: &[String], attributes: Vec<AttributeProto>) {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.writer.node(kind, &inputs, self.name, attributes);
    }

    fn normalize(&mut self, mean: &[f32], deviation: &[f32]) {
        let x = self.x();
        let shape = [1, mean.len(), 1, 1];
        let mean = self.writer.floats(&self.part("mean"), &shape, mean);
        let deviation = self
            .writer
            .floats(&self.part("deviation"), &shape, deviation);
        let centred = self.writer.unique(&self.part("centred"));
        self.writer.node("Sub", &[&x, &mean], &centred, Vec::new());
        self.writer
            .node("Div", &[&centred, &deviation], self.name, Vec::new());
    }

    /// A vector's layer is one node. Along the last of several axes it is a product with the weights the other way round.
    fn linear(&mut self, weight: ParameterId, bias: Option<ParameterId>) {
        if self.writer.shape(self.node.inputs[0]).len() == 1 {
            let parameters = [Some(weight), bias].into_iter().flatten();
            return self.layer("Gemm", parameters, vec![int("transB", 1)]);
        }
        let x = self.x();
        let weight = self.writer.transposed_parameter(weight);
        let Some(bias) = bias else {
            return self
                .writer
                .node("MatMul", &[&x, &weight], self.name, Vec::new());
        };
        let product = self.writer.unique(&self.part("product"));
        self.writer
            .node("MatMul", &[&x, &weight], &product, Vec::new());
        let bias = self.writer.parameter(bias);
        self.writer
            .node("Add", &[&product, &bias], self.name, Vec::new());
    }

    fn window(&self, window: &Window) -> Result<Vec<AttributeProto>, ExportError> {
        let attribute = |name, numbers: &[usize]| {
            let numbers: Result<Vec<i64>, ExportError> = numbers
                .iter()
                .map(|number| {
                    i64::try_from(*number).map_err(|_| ExportError::Number {
                        node: self.name.to_owned(),
                        number: *number,
                    })
                })
                .collect();
            Ok(ints(name, numbers?))
        };
        Ok(vec![
            attribute("kernel_shape", &window.kernel)?,
            attribute("strides", &window.stride)?,
            attribute("pads", &window.padding)?,
            attribute("dilations", &window.dilation)?,
        ])
    }

    fn unary(&mut self, function: Function) {
        match function {
            Function::RELU => self.apply("Relu", Vec::new()),
            Function::Clip { low, high } => self.clip(low, high),
            Function::Affine { scale, shift } => self.affine(scale, shift),
            Function::LeakyRelu { slope } => self.apply("LeakyRelu", vec![float("alpha", slope)]),
            Function::Elu { alpha } => self.apply("Elu", vec![float("alpha", alpha)]),
            Function::Sigmoid => self.apply("Sigmoid", Vec::new()),
            Function::Tanh => self.apply("Tanh", Vec::new()),
            Function::Softplus => self.apply("Softplus", Vec::new()),
            Function::Erf => self.apply("Erf", Vec::new()),
            Function::Exp => self.apply("Exp", Vec::new()),
            Function::Log => self.apply("Log", Vec::new()),
            Function::Abs => self.apply("Abs", Vec::new()),
            Function::Sign => self.apply("Sign", Vec::new()),
            Function::Floor => self.apply("Floor", Vec::new()),
            Function::Round => self.apply("Round", Vec::new()),
            Function::Power { exponent } => {
                let x = self.x();
                let exponent = self.scalar("exponent", exponent);
                self.writer
                    .node("Pow", &[&x, &exponent], self.name, Vec::new());
            }
            Function::Sin => self.apply("Sin", Vec::new()),
            Function::Cos => self.apply("Cos", Vec::new()),
        }
    }

    fn clip(&mut self, low: Option<f32>, high: Option<f32>) {
        let mut inputs = vec![self.x()];
        for (part, bound) in [("low", low), ("high", high)] {
            // An empty name leaves the input out.
            inputs.push(bound.map_or_else(String::new, |bound| self.scalar(part, bound)));
        }
        while inputs.last().is_some_and(String::is_empty) {
            inputs.pop();
        }
        self.many("Clip", &inputs, Vec::new());
    }

    fn affine(&mut self, scale: f32, shift: f32) {
        let x = self.x();
        if shift == 0.0 {
            let scale = self.scalar("scale", scale);
            return self
                .writer
                .node("Mul", &[&x, &scale], self.name, Vec::new());
        }
        let scaled = if scale == 1.0 {
            x
        } else {
            let scale = self.scalar("scale", scale);
            let scaled = self.writer.unique(&self.part("scaled"));
            self.writer.node("Mul", &[&x, &scale], &scaled, Vec::new());
            scaled
        };
        let shift = self.scalar("shift", shift);
        self.writer
            .node("Add", &[&scaled, &shift], self.name, Vec::new());
    }

    fn scalar(&mut self, part: &str, value: f32) -> String {
        self.writer.floats(&self.part(part), &[], &[value])
    }

    fn reduce(&mut self, kind: &str, axes: &[usize]) {
        let x = self.x();
        let axes: Vec<i64> = dims(axes).map(|axis| axis + 1).collect();
        let axes = self.writer.integers(&self.part("axes"), &axes);
        self.writer.node(kind, &[&x, &axes], self.name, Vec::new());
    }

    fn concat(&mut self, axis: usize) {
        let ids = &self.node.inputs;
        let inputs: Vec<String> = ids.iter().map(|id| self.writer.batched(*id)).collect();
        self.many("Concat", &inputs, vec![along(axis)]);
    }
}
