//! The manifest: what tools and people want to know of a model. A protobuf message; the runtime never reads it.
//!
//! `compiler/proto/manifest.proto` is the published form of the same message, and normative.

use prost::Message;
use sinew_models::Network;

use super::plan::Plan;
use crate::recipe::Recipe;

/// Names and provenance of a packed model.
#[derive(Clone, PartialEq, Message)]
pub struct Manifest {
    /// Name and version of the tool that packed the file.
    #[prost(string, tag = "1")]
    pub tool: String,
    /// Name of the architecture.
    #[prost(string, tag = "2")]
    pub network: String,
    /// Class names in the order of the logits; empty where they are not known.
    #[prost(string, repeated, tag = "3")]
    pub labels: Vec<String>,
    /// One entry per step of the plan.
    #[prost(message, repeated, tag = "4")]
    pub layers: Vec<LayerRecord>,
    /// The recipe as TOML, if a recipe made the model.
    #[prost(string, tag = "5")]
    pub recipe: String,
    /// Trainable parameters of the network, zeros included.
    #[prost(uint64, tag = "6")]
    pub parameters: u64,
    /// Those that are not zero.
    #[prost(uint64, tag = "7")]
    pub nonzero_parameters: u64,
    /// Fraction of zeros among the weights of convolution and linear layers.
    #[prost(double, tag = "8")]
    pub sparsity: f64,
}

/// One step of the plan.
#[derive(Clone, PartialEq, Message)]
pub struct LayerRecord {
    /// Name of the node the step began with.
    #[prost(string, tag = "1")]
    pub name: String,
}

impl Manifest {
    /// Of a network and, where one made it, its recipe.
    pub fn new(network: &Network, recipe: Option<&Recipe>) -> Self {
        Self {
            tool: format!("sinew {}", env!("CARGO_PKG_VERSION")),
            network: network.name().to_owned(),
            labels: network.labels().to_vec(),
            layers: Vec::new(),
            recipe: recipe.map_or_else(String::new, |r| toml::to_string(r).expect("plain data")),
            parameters: network.parameter_count() as u64,
            nonzero_parameters: network.nonzero_count() as u64,
            sparsity: network.sparsity(),
        }
    }

    /// Reads the manifest of a model.
    ///
    /// # Errors
    /// If the bytes are not such a message.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Self::decode(bytes)
    }

    /// The message's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    pub(super) fn with_layers(&self, plan: &Plan) -> Self {
        let layers = plan.steps.iter().map(|step| LayerRecord {
            name: step.name.clone(),
        });
        Self {
            layers: layers.collect(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    /// The fields of the messages above, as the published form spells them.
    fn fields() -> Vec<String> {
        let mut lines = include_str!("manifest.rs").lines().map(str::trim);
        let mut fields = Vec::new();
        while let Some(line) = lines.next() {
            let Some(attribute) = line.strip_prefix("#[prost(") else {
                continue;
            };
            let (parts, tag) = attribute
                .trim_end_matches("\")]")
                .split_once(", tag = \"")
                .expect("the tag comes last");
            let (kind, rule) = match parts.split_once(", ") {
                Some((kind, rule)) => (kind, format!("{rule} ")),
                None => (parts, String::new()),
            };
            let field = lines.next().and_then(|line| line.strip_prefix("pub "));
            let (name, rust_type) = field.and_then(|f| f.split_once(": ")).expect("a field");
            let kind = match kind {
                "message" => rust_type.trim_start_matches("Vec<").trim_end_matches(">,"),
                kind => kind,
            };
            fields.push(format!("{rule}{kind} {name} = {tag};"));
        }
        fields
    }

    #[test]
    fn the_published_form_has_the_same_fields() {
        let published = include_str!("../../proto/manifest.proto").lines();
        let published: Vec<&str> = published
            .map(str::trim)
            .filter(|line| line.ends_with(';') && line.contains(" = ") && !line.contains("syntax"))
            .collect();
        assert_eq!(published, fields());
    }
}
