//! Round trips, and every way in which a file can be wrong.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};

use super::*;
use crate::builder::NetworkBuilder;
use crate::function::Function;
use crate::network::ValueId;
use crate::window::Window;

/// 1×4×4 → convolution 2 with a mask, batch norm, ReLU6 → linear 2; a momentum and a run's state beside it.
fn archive() -> Archive {
    let mut builder = NetworkBuilder::new("small", [1, 4, 4], 5);
    let x = builder.normalize("normalize", ValueId::INPUT, &[0.1307], &[0.3081]);
    let x = builder.convolution_batch_norm("conv", x, 2, Window::square(3, 2, 1), 1);
    let x = builder.activation("relu6", x, Function::RELU6);
    let x = builder.flatten("flatten", x);
    builder.linear("classifier", x, 2);
    let labels = vec!["cat".to_owned(), "\"dog\"\n".to_owned()];
    let mut network = builder.finish(labels).unwrap();
    let mask = (0..18).map(|index| index % 3 == 0).collect();
    network.parameters_mut()[0].set_mask(mask);
    let momentum = Tensor {
        shape: vec![2, 1, 3, 3],
        values: (0..18u8).map(f32::from).collect(),
    };
    Archive {
        network,
        tensors: BTreeMap::from([("momentum/conv.weight".to_owned(), momentum)]),
        metadata: BTreeMap::from([
            ("run".to_owned(), "{\"epoch\":3}".to_owned()),
            ("recipe".to_owned(), "lean".to_owned()),
        ]),
    }
}

/// The parts of a file, to be put together again with one of them wrong.
struct Parts {
    description: Value,
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Parts {
    fn new() -> Self {
        let bytes = archive().to_bytes().unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let description = &header.metadata().as_ref().unwrap()[KEY];
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let parts = |tensor: TensorView| {
            let (shape, data) = (tensor.shape().to_vec(), tensor.data().to_vec());
            (tensor.dtype(), shape, data)
        };
        Self {
            description: serde_json::from_str(description).unwrap(),
            tensors: file
                .iter()
                .map(|(name, tensor)| (name.to_owned(), parts(tensor)))
                .collect(),
        }
    }

    fn tensor(&mut self, name: &str) -> &mut (Dtype, Vec<usize>, Vec<u8>) {
        self.tensors.get_mut(name).unwrap()
    }

    /// The message of the error that reading ends in.
    fn error(&self) -> String {
        error(&container(
            Some((KEY, &self.description.to_string())),
            &self.tensors,
        ))
    }
}

fn container(
    metadata: Option<(&str, &str)>,
    tensors: &BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
) -> Vec<u8> {
    let views = tensors.iter().map(|(name, (dtype, shape, data))| {
        (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    let metadata = metadata.map(|(key, value)| [(key.to_owned(), value.to_owned())].into());
    safetensors::serialize(views, metadata).unwrap()
}

fn error(bytes: &[u8]) -> String {
    Archive::from_bytes(bytes).unwrap_err().to_string()
}

/// A file with this header and `data` bytes after it.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn a_round_trip_is_the_identity() {
    let archive = archive();
    let read = Archive::from_bytes(&archive.to_bytes().unwrap()).unwrap();
    assert_eq!(read, archive);
}

#[test]
fn equal_archives_have_equal_bytes() {
    let bytes = archive().to_bytes().unwrap();
    for _ in 0..20 {
        assert_eq!(archive().to_bytes().unwrap(), bytes);
    }
}

#[test]
fn other_tools_find_every_tensor() {
    let parts = Parts::new();
    let dtype = |name: &str| parts.tensors[name].0;
    assert_eq!(parts.tensors.len(), 9);
    assert_eq!(dtype("conv.weight"), Dtype::F32);
    assert_eq!(dtype("conv.weight.mask"), Dtype::BOOL);
    assert_eq!(dtype("momentum/conv.weight"), Dtype::F32);
}

#[test]
fn the_parts_of_a_good_file_are_a_good_file() {
    let parts = Parts::new();
    let bytes = container(Some((KEY, &parts.description.to_string())), &parts.tensors);
    assert_eq!(Archive::from_bytes(&bytes).unwrap(), archive());
}

#[test]
fn every_cut_is_an_error() {
    let bytes = archive().to_bytes().unwrap();
    for length in 0..bytes.len() {
        assert!(Archive::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    let short = "no valid safetensors header: the file ends before it does";
    assert_eq!(error(&bytes[..0]), short);
    assert_eq!(error(&bytes[..20]), short);
    // 18 + 4·2 + 8·2 + 2 weights and norms and 18 momenta in F32, 18 bytes of mask.
    let (expected, found) = (
        4 * (18 + 8 + 16 + 2 + 18) + 18,
        4 * (18 + 8 + 16 + 2 + 18) + 17,
    );
    assert_eq!(
        error(&bytes[..bytes.len() - 1]),
        format!("the header describes {expected} bytes of tensors, {found} follow it")
    );
}

#[test]
fn trailing_bytes_are_an_error() {
    let mut bytes = archive().to_bytes().unwrap();
    bytes.push(0);
    let error = Archive::from_bytes(&bytes).unwrap_err();
    assert!(matches!(error, FileError::Length { .. }), "{error}");
}

#[test]
fn a_header_that_is_not_json_is_an_error() {
    let error = error(&with_header("lean", 0));
    assert!(error.starts_with("no valid safetensors header"), "{error}");
}

#[test]
fn offsets_that_overflow_are_an_error() {
    // Nine tensors that fill the whole address space: the end of the last plus the header's length exceeds it.
    let eighth = u64::MAX / 8;
    let tensors: Vec<String> = (0..8)
        .map(|i| (i, i * eighth, eighth))
        .chain([(8, 8 * eighth, 7)])
        .map(|(i, start, size)| {
            let end = start + size;
            format!(
                "\"{i}\":{{\"dtype\":\"U8\",\"shape\":[{size}],\"data_offsets\":[{start},{end}]}}"
            )
        })
        .collect();
    let error = Archive::from_bytes(&with_header(&format!("{{{}}}", tensors.join(",")), 9));
    assert!(
        matches!(
            error,
            Err(FileError::Length {
                expected: usize::MAX,
                found: 9
            })
        ),
        "{error:?}"
    );
}

#[test]
fn a_file_of_another_program_is_an_error() {
    let parts = Parts::new();
    for metadata in [None, Some(("format", "pt"))] {
        assert_eq!(
            error(&container(metadata, &parts.tensors)),
            "no network inside: the metadata have no \"sinew.network\""
        );
    }
}

#[test]
fn another_version_is_an_error_whatever_else_it_says() {
    for version in [1, 3] {
        let mut parts = Parts::new();
        parts.description = json!({"version": version, "future": []});
        assert_eq!(
            parts.error(),
            format!("format version {version} is unknown, 2 is the latest this program reads")
        );
    }
}

#[test]
fn a_damaged_description_is_an_error() {
    let tensors = Parts::new().tensors;
    let text = error(&container(Some((KEY, "{")), &tensors));
    assert!(text.starts_with("network description: EOF"), "{text}");

    let mut parts = Parts::new();
    parts.description.as_object_mut().unwrap().remove("labels");
    let text = parts.error();
    assert!(text.contains("missing field `labels`"), "{text}");

    let mut parts = Parts::new();
    parts.description["colour"] = json!("red");
    let text = parts.error();
    assert!(text.contains("unknown field `colour`"), "{text}");
}

#[test]
fn a_graph_that_does_not_fit_together_is_an_error() {
    let mut parts = Parts::new();
    parts.description["nodes"][0]["inputs"] = json!([7]);
    assert_eq!(
        parts.error(),
        "node \"normalize\" (normalize): takes value 7 before it is computed"
    );
}

#[test]
fn a_missing_tensor_is_an_error() {
    for name in ["conv.weight", "conv.weight.mask"] {
        let mut parts = Parts::new();
        parts.tensors.remove(name);
        assert_eq!(parts.error(), format!("tensor \"{name}\": it is missing"));
    }
}

#[test]
fn a_parameter_listed_twice_is_an_error() {
    let mut parts = Parts::new();
    let first = parts.description["parameters"][0].clone();
    parts.description["parameters"]
        .as_array_mut()
        .unwrap()
        .push(first);
    assert_eq!(parts.error(), "tensor \"conv.weight\": it is missing");
}

#[test]
fn a_tensor_of_another_type_is_an_error() {
    for name in ["classifier.bias", "momentum/conv.weight"] {
        let mut parts = Parts::new();
        parts.tensor(name).0 = Dtype::I32;
        assert_eq!(
            parts.error(),
            format!("tensor \"{name}\": its type is I32, not F32")
        );
    }
    let mut parts = Parts::new();
    parts.tensor("conv.weight.mask").0 = Dtype::U8;
    assert_eq!(
        parts.error(),
        "tensor \"conv.weight.mask\": its type is U8, not BOOL"
    );
}

#[test]
fn a_parameter_of_another_shape_is_an_error() {
    let mut parts = Parts::new();
    parts.tensor("classifier.bias").1 = vec![2, 1];
    assert_eq!(
        parts.error(),
        "node \"classifier\" (linear): parameter \"classifier.bias\" has shape [2, 1], [2] is needed"
    );
}

#[test]
fn a_number_that_is_not_finite_is_an_error() {
    for name in ["classifier.bias", "momentum/conv.weight"] {
        let mut parts = Parts::new();
        parts.tensor(name).2[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
        assert_eq!(
            parts.error(),
            format!("tensor \"{name}\": element 1 is NaN")
        );
    }
}

#[test]
fn a_negative_variance_is_an_error() {
    let mut parts = Parts::new();
    parts.tensor("conv.norm.variance").2[..4].copy_from_slice(&(-1f32).to_le_bytes());
    assert_eq!(
        parts.error(),
        "tensor \"conv.norm.variance\": a variance is negative"
    );
}

#[test]
fn a_mask_of_another_shape_is_an_error() {
    let mut parts = Parts::new();
    parts.tensor("conv.weight.mask").1 = vec![18];
    assert_eq!(
        parts.error(),
        "tensor \"conv.weight.mask\": its shape is not the parameter's"
    );
}

#[test]
fn a_mask_byte_other_than_zero_and_one_is_an_error() {
    let mut parts = Parts::new();
    parts.tensor("conv.weight.mask").2[0] = 2;
    assert_eq!(
        parts.error(),
        "tensor \"conv.weight.mask\": a byte is neither 0 nor 1"
    );
}

#[test]
fn a_pruned_weight_that_is_not_zero_is_an_error() {
    let mut parts = Parts::new();
    parts.tensor("conv.weight.mask").2[0] = 0;
    assert_eq!(
        parts.error(),
        "tensor \"conv.weight.mask\": a pruned value is not zero"
    );
}

#[test]
fn masks_of_batch_norms_and_biases_come_back() {
    let mut archive = archive();
    for parameter in archive.network.parameters_mut() {
        if [Role::Scale, Role::Shift, Role::Bias].contains(&parameter.role()) {
            parameter.set_mask(vec![false, true]);
        }
    }
    let bytes = archive.to_bytes().unwrap();
    assert_eq!(Archive::from_bytes(&bytes).unwrap(), archive);
}

#[test]
fn a_mask_of_what_is_not_trained_is_an_error() {
    let mut parts = Parts::new();
    let parameters = parts.description["parameters"].as_array_mut().unwrap();
    let mean = parameters
        .iter_mut()
        .find(|p| p["name"] == "conv.norm.mean");
    mean.unwrap()["masked"] = json!(true);
    assert_eq!(
        parts.error(),
        "tensor \"conv.norm.mean.mask\": only what is trained has masks"
    );
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let number = |shape: Vec<usize>, value: f32| Tensor {
        shape,
        values: vec![value],
    };
    for (name, tensor, problem) in [
        ("conv.weight", number(vec![1], 0.0), "the name is taken"),
        (
            "conv.weight.mask",
            number(vec![1], 0.0),
            "the name is taken",
        ),
        ("__metadata__", number(vec![1], 0.0), "the name is taken"),
        (
            "x",
            number(vec![2], 0.0),
            "1 values do not fill the shape [2]",
        ),
        ("x", number(vec![1], f32::INFINITY), "element 0 is inf"),
    ] {
        let mut archive = archive();
        archive.tensors.insert(name.to_owned(), tensor);
        let error = archive.to_bytes().unwrap_err().to_string();
        assert_eq!(error, format!("tensor \"{name}\": {problem}"));
    }
    let mut archive = archive();
    archive.network.parameters_mut()[0].set_values(vec![f32::NAN; 18]);
    let error = archive.to_bytes().unwrap_err().to_string();
    assert_eq!(error, "tensor \"conv.weight\": element 0 is NaN");
}

#[test]
fn mutations_never_panic_and_what_is_read_can_be_written() {
    let bytes = archive().to_bytes().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut read = 0;
    for _ in 0..30_000 {
        let mut mutant = bytes.clone();
        for _ in 0..random.random_range(1..4) {
            mutate(&mut mutant, &mut random);
        }
        if let Ok(archive) = Archive::from_bytes(&mutant) {
            read += 1;
            let again = Archive::from_bytes(&archive.to_bytes().unwrap()).unwrap();
            assert_eq!(again, archive);
        }
    }
    assert!(read > 100, "the mutations reach past the checks: {read}");
}

/// Changes one byte to any other, or, as most of a header is digits, to one of JSON's; or removes or repeats a stretch.
fn mutate(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = random.random_range(0..bytes.len());
    match random.random_range(0..8) {
        0..3 => bytes[at] = random.random(),
        3..6 => {
            let json = b"0123456789-.e\"[]{},:";
            bytes[at] = json[random.random_range(0..json.len())];
        }
        kind => {
            let end = bytes.len().min(at + random.random_range(1..9));
            let stretch = bytes[at..end].to_vec();
            let replacement = if kind == 6 {
                Vec::new()
            } else {
                stretch.repeat(2)
            };
            bytes.splice(at..end, replacement);
        }
    }
}
