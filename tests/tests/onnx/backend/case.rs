//! One case of the ONNX project's suite: a model, what goes in, what must come out, and how exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use onnx_protobuf::{GraphProto, ModelProto};
use protobuf::Message;
use serde_json::Value;
use sinew::classifier::Classifier;
use sinew::evaluate::PackedClassifier;
use sinew::pack::{Manifest, pack};
use sinew_models::onnx::{
    ElementType, Import, ImportOptions, InputLayout, Tensor, decode_tensor, import,
};
use sinew_models::{ValueId, reference};
use sinew_tests::wheel::{ONNX, wheel};

/// Where the cases lie.
pub fn data() -> PathBuf {
    wheel(ONNX).join("onnx/backend/test/data")
}

/// How exactly a result must be met, as numpy's `assert_allclose` has it: within `atol + rtol·|expected|`.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    pub rtol: f64,
    pub atol: f64,
}

impl Tolerance {
    /// What `data.json` in `folder` says; without one, what ONNX's own runner takes.
    pub fn of(folder: &Path) -> Self {
        let text = fs::read(folder.join("data.json")).unwrap_or_else(|_| b"{}".to_vec());
        let data: Value = serde_json::from_slice(&text).unwrap();
        Self {
            rtol: data["rtol"].as_f64().unwrap_or(1e-3),
            atol: data["atol"].as_f64().unwrap_or(1e-7),
        }
    }

    /// The first value that is not met, and what it should be.
    pub fn first_miss(self, values: &[f32], expected: &[f32]) -> Option<String> {
        let met = |value: f32, expected: f32| {
            let (value, expected) = (f64::from(value), f64::from(expected));
            value == expected
                || value.is_nan() && expected.is_nan()
                || (value - expected).abs() <= self.atol + self.rtol * expected.abs()
        };
        if values.len() != expected.len() {
            return Some(format!("{} values, not {}", values.len(), expected.len()));
        }
        let mut pairs = values.iter().zip(expected).enumerate();
        let miss = pairs.find(|(_, (value, expected))| !met(**value, **expected));
        miss.map(|(index, (value, expected))| format!("value {index} is {value}, not {expected}"))
    }
}

/// How a case went.
#[derive(Debug)]
pub enum Outcome {
    /// It was imported and gives what it must, in plain loops, and if it could be packed, on the runtime.
    Met { packed: bool },
    /// It was imported and gives something else.
    Missed(String),
    /// It was not imported, for this reason.
    Refused(String),
}

/// A case in its folder.
pub struct Case {
    /// Such as `node/test_abs`.
    pub name: String,
    folder: PathBuf,
    model: ModelProto,
}

impl Case {
    /// All cases of one kind, which is a folder of [`data`], in the order of their names.
    pub fn all(kind: &str) -> Vec<Self> {
        let mut folders: Vec<PathBuf> = fs::read_dir(data().join(kind))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        let case = |folder: PathBuf| Self {
            name: format!("{kind}/{}", folder.file_name().unwrap().display()),
            model: ModelProto::parse_from_bytes(&fs::read(folder.join("model.onnx")).unwrap())
                .unwrap(),
            folder,
        };
        folders.into_iter().map(case).collect()
    }

    /// The operators of all nodes.
    pub fn operators(&self) -> BTreeSet<String> {
        let nodes = self.model.graph.node.iter();
        nodes.map(|node| node.op_type.clone()).collect()
    }

    /// Imports every output of the case, and computes it with the reference, and packed if it can be packed. The first input is the
    /// network's, the others are constants of it.
    pub fn run(&self) -> Outcome {
        let set = self.folder.join("test_data_set_0");
        assert!(
            !self.folder.join("test_data_set_1").exists(),
            "{}",
            self.name
        );
        let GraphProto {
            input: declared,
            output: outputs,
            ..
        } = &*self.model.graph;
        let all_tensors = declared
            .iter()
            .chain(outputs)
            .all(|value| value.type_.has_tensor_type());
        if !all_tensors {
            return Outcome::Refused("an input or output is no tensor".to_owned());
        }
        let (mut inputs, expected) = match (tensors(&set, "input"), tensors(&set, "output")) {
            (Ok(inputs), Ok(expected)) => (inputs, expected),
            (Err(problem), _) | (_, Err(problem)) => return Outcome::Refused(problem),
        };
        if inputs.is_empty() {
            return Outcome::Refused("no input".to_owned());
        }
        assert_eq!(outputs.len(), expected.len(), "{}", self.name);
        let input = inputs.remove(0);
        let names = declared[1..].iter().map(|input| input.name.clone());
        let bindings: BTreeMap<String, Tensor> = names.zip(inputs).collect();
        let tolerance = Tolerance::of(&self.folder);
        let mut packed = true;
        for (output, expected) in outputs.iter().zip(&expected) {
            let (import, whole) = match self.import(&input, &output.name, &bindings) {
                Ok(imported) => imported,
                Err(problem) => return Outcome::Refused(problem),
            };
            match compute(&import, whole, &input, expected, tolerance) {
                Ok(is_packed) => packed &= is_packed,
                Err(miss) => return Outcome::Missed(format!("output {}: {miss}", output.name)),
            }
        }
        Outcome::Met { packed }
    }

    /// The network of one output, of the whole input if that is possible, else of one of its samples; and which of the two it is.
    fn import(
        &self,
        input: &Tensor,
        output: &str,
        bindings: &BTreeMap<String, Tensor>,
    ) -> Result<(Import, bool), String> {
        let options = |whole: bool| ImportOptions {
            input_shape: Some(input.shape[usize::from(!whole)..].to_vec()),
            output: Some(output.to_owned()),
            bindings: bindings.clone(),
            whole,
            ..ImportOptions::default()
        };
        let path = self.folder.join("model.onnx");
        let refusal = match import(&path, &options(true)) {
            Ok(import) => return Ok((import, true)),
            Err(error) => error,
        };
        // A scalar has no samples.
        if input.shape.is_empty() {
            return Err(refusal.to_string());
        }
        match import(&path, &options(false)) {
            Ok(import) => Ok((import, false)),
            Err(_) => Err(refusal.to_string()),
        }
    }
}

/// Whether the network could be packed, or what it gets wrong.
fn compute(
    import: &Import,
    whole: bool,
    input: &Tensor,
    expected: &Tensor,
    tolerance: Tolerance,
) -> Result<bool, String> {
    assert_eq!(import.layout, InputLayout::Same);
    let network = &import.network;
    let batch = if whole { 1 } else { input.shape[0] };
    let axes = &network.shape(network.output()).0;
    let shape = if whole {
        axes.clone()
    } else {
        [&[batch], axes.as_slice()].concat()
    };
    if shape != expected.shape {
        return Err(format!("shape {shape:?}, not {:?}", expected.shape));
    }
    assert_eq!(
        network.shape(ValueId::INPUT).elements() * batch,
        input.elements()
    );
    let check = |engine: &str, values: Vec<f32>| {
        // A network computes in f32; what the file wants in bfloat16, whose steps are coarser than the tolerance, is rounded to it.
        let values = match expected.element {
            ElementType::BFloat16 => values.into_iter().map(to_bfloat16).collect(),
            _ => values,
        };
        let miss = tolerance.first_miss(&values, &expected.floats());
        miss.map_or(Ok(()), |miss| Err(format!("{miss} ({engine})")))
    };
    check(
        "in plain loops",
        reference::evaluate(network, &input.floats(), batch),
    )?;
    let Ok(file) = pack(network, &Manifest::new(network, None)) else {
        return Ok(false);
    };
    let packed = PackedClassifier::new(&file).map_err(|error| error.to_string())?;
    let values = packed
        .logits(&input.floats())
        .map_err(|error| error.to_string())?;
    check("packed", values)?;
    Ok(true)
}

/// The nearest bfloat16, the even one of two.
fn to_bfloat16(value: f32) -> f32 {
    let bits = value.to_bits();
    let even = bits >> 16 & 1;
    match value.is_nan() {
        true => value,
        false => f32::from_bits(bits.wrapping_add(0x7FFF + even) & 0xFFFF_0000),
    }
}

/// The tensors `NAME_0.pb`, `NAME_1.pb`, … of a set of data.
fn tensors(set: &Path, name: &str) -> Result<Vec<Tensor>, String> {
    (0..)
        .map(|number| set.join(format!("{name}_{number}.pb")))
        .take_while(|path| path.is_file())
        .map(|path| decode_tensor(&fs::read(path).unwrap()).map_err(|error| error.to_string()))
        .collect()
}
