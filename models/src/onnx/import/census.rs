//! What a file is made of, looked at before it is decoded.
//!
//! An empty message takes two bytes in a file and some hundred in memory, so a small file could fill the memory; and nested groups, which
//! ONNX does not use, make the decoder recurse without end (RUSTSEC-2024-0437). This pass allocates nothing. It walks all messages that
//! [onnx.proto](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) knows, counts, and checks that each lies inside its parent.

use protobuf::CodedInputStream;

use crate::onnx::OnnxError;

/// Most messages in a file, each of which takes up to 1000 bytes of memory. A classifier has about ten for every node.
const MAX_MESSAGES: usize = 1 << 19;

/// Most fields of all messages together, without the elements of tensors. Each takes up to 100 bytes of memory.
const MAX_FIELDS: usize = 1 << 22;

/// Most messages within messages: graphs of control flow within each other take four for each.
const MAX_DEPTH: usize = 64;

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
    Type,
    TensorType,
    ListType,
    MapType,
    Shape,
    Annotation,
    Function,
    Training,
    /// One without further messages.
    Leaf,
}

impl Kind {
    /// The kind of message in a field, if it holds one.
    fn child(self, field: u32) -> Option<Self> {
        Some(match (self, field) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) | (Self::Training, 1 | 2) => Self::Graph,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Self::Tensor
            }
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Graph, 11..=13) | (Self::Function, 12) => Self::ValueInfo,
            (Self::ValueInfo, 2)
            | (Self::Attribute, 14 | 15)
            | (Self::ListType, 1)
            | (Self::MapType, 2) => Self::Type,
            (Self::Type, 1 | 8) => Self::TensorType,
            (Self::Type, 4 | 9) => Self::ListType,
            (Self::Type, 5) => Self::MapType,
            (Self::TensorType, 2) => Self::Shape,
            (Self::Graph, 14) => Self::Annotation,
            (Self::Model, 25) => Self::Function,
            (Self::Model, 20) => Self::Training,
            (Self::Model, 8 | 14)
            | (Self::Graph, 16)
            | (Self::Node, 9)
            | (Self::Tensor, 3 | 13 | 16)
            | (Self::ValueInfo, 4)
            | (Self::Shape, 1)
            | (Self::Annotation, 2)
            | (Self::Function, 9 | 14)
            | (Self::Training, 3 | 4) => Self::Leaf,
            _ => return None,
        })
    }

    /// Whether a field holds elements of a tensor, of which there may be any number.
    fn is_data(self, field: u32) -> bool {
        self == Self::Tensor && matches!(field, 4 | 5 | 7 | 10 | 11)
    }
}

/// Checks the bytes of a message of some kind.
pub(super) fn check(bytes: &[u8], kind: Kind) -> Result<(), OnnxError> {
    Census::default().message(bytes, kind, 0)
}

#[derive(Default)]
struct Census {
    messages: usize,
    fields: usize,
}

impl Census {
    fn message(&mut self, bytes: &[u8], kind: Kind, depth: usize) -> Result<(), OnnxError> {
        let limit = |what: &str, limit: usize| {
            Err(OnnxError::Limit(format!(
                "the model has more than {limit} {what}"
            )))
        };
        self.messages += 1;
        if self.messages > MAX_MESSAGES {
            return limit("messages", MAX_MESSAGES);
        }
        if depth > MAX_DEPTH {
            return limit("messages within messages", MAX_DEPTH);
        }
        let mut stream = CodedInputStream::from_bytes(bytes);
        let malformed = |error: protobuf::Error| OnnxError::Malformed(error.to_string());
        while let Some(tag) = stream.read_raw_tag_or_eof().map_err(malformed)? {
            let field = tag >> 3;
            self.fields += usize::from(!kind.is_data(field));
            if self.fields > MAX_FIELDS {
                return limit("fields", MAX_FIELDS);
            }
            match tag & 7 {
                0 => drop(stream.read_raw_varint64().map_err(malformed)?),
                1 => stream.skip_raw_bytes(8).map_err(malformed)?,
                2 => {
                    let length = stream.read_raw_varint32().map_err(malformed)?;
                    let start = stream.pos() as usize;
                    stream.skip_raw_bytes(length).map_err(malformed)?;
                    if let Some(child) = kind.child(field) {
                        self.message(&bytes[start..stream.pos() as usize], child, depth + 1)?;
                    }
                }
                5 => stream.skip_raw_bytes(4).map_err(malformed)?,
                _ => {
                    return Err(OnnxError::Malformed(
                        "it has groups, which ONNX does not use".to_owned(),
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::import::testing::{Model, floats, ints_attribute};

    /// A field of a message that holds `inside`.
    fn field(number: u8, inside: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        let mut length = inside.len();
        while length > 127 {
            bytes.push(length as u8 | 128);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(inside);
        bytes
    }

    fn problem(bytes: &[u8]) -> String {
        check(bytes, Kind::Model).unwrap_err().to_string()
    }

    #[test]
    fn an_ordinary_model_passes() {
        let model = Model::new(13)
            .input("x", &[1, 2])
            .initializer(floats("w", &[2], &[1.0, 2.0]))
            .node(
                "Sum",
                &["x", "w"],
                &["y"],
                vec![ints_attribute("n", &[1, 2])],
            )
            .output("y");
        check(&model.bytes(), Kind::Model).unwrap();
    }

    #[test]
    fn groups_are_refused_at_every_depth() {
        // From an entry about external data outwards: tensor, attribute, node, graph, model.
        let mut bytes = vec![3 | 1 << 3; 50];
        for (kind, number) in [
            (Kind::Leaf, 13),
            (Kind::Tensor, 5),
            (Kind::Attribute, 5),
            (Kind::Node, 1),
            (Kind::Graph, 7),
        ] {
            let error = check(&bytes, kind).unwrap_err();
            assert!(error.to_string().contains("groups"));
            bytes = field(number, &bytes);
        }
        assert!(problem(&bytes).contains("groups"));
    }

    #[test]
    fn a_message_that_is_longer_than_its_parent_is_refused() {
        let bytes = [7 << 3 | 2, 100, 0, 0];
        assert!(problem(&bytes).starts_with("not a valid ONNX model"));
    }

    #[test]
    fn more_messages_than_memory_should_hold_are_refused() {
        let nodes = field(1, &[]).repeat(MAX_MESSAGES);
        assert!(problem(&field(7, &nodes)).contains("more than 524288 messages"));
    }

    #[test]
    fn messages_are_not_within_each_other_without_end() {
        // A list of lists of lists.
        let mut bytes = Vec::new();
        for _ in 0..31 {
            bytes = field(1, &field(4, &bytes));
        }
        check(&bytes, Kind::ListType).unwrap();
        bytes = field(1, &field(4, &bytes));
        bytes = field(1, &field(4, &bytes));
        let error = check(&bytes, Kind::ListType).unwrap_err();
        assert!(error.to_string().contains("messages within messages"));
    }
}
