//! The two ends of a classifier that comes from elsewhere: the normalisation it expects of its input, and the softmax it may end in.
//!
//! Inside Sinew a network takes pixels in [0, 1] and gives logits.

use crate::network::{Network, Node, ValueId};
use crate::operator::Operator;
use crate::shape::{Shape, ShapeError};

impl Network {
    /// The network with an [`Operator::Normalize`] before it: it then takes pixels in [0, 1] and gives the old one
    /// `(x − mean) / deviation`, per channel.
    ///
    /// # Errors
    /// If the input is no map, or has another number of channels.
    pub fn normalized(&self, mean: Vec<f32>, deviation: Vec<f32>) -> Result<Self, ShapeError> {
        let taken = |name: &str| self.nodes().iter().any(|node| node.name == name);
        let mut name = "normalize".to_owned();
        while taken(&name) {
            name.push('_');
        }
        let first = Node {
            name,
            operator: Operator::Normalize { mean, deviation },
            inputs: vec![ValueId::INPUT],
        };
        // Every value has one more before it; what was the input is the first node's result.
        let later = self.nodes().iter().map(|node| Node {
            inputs: node.inputs.iter().map(|v| ValueId(v.0 + 1)).collect(),
            ..node.clone()
        });
        self.with_nodes(std::iter::once(first).chain(later).collect())
    }

    /// The network up to its logits: without the softmax it ends in, if it does, nor reshapes behind that. The order of the classes by
    /// score stays the same.
    ///
    /// Losses and attacks work on logits: the gradient of a loss through a second softmax vanishes where the network is sure, and attacks
    /// then fail for no good reason.
    pub fn up_to_logits(&self) -> Self {
        let mut last = self.nodes().len();
        while last > 1
            && matches!(&self.nodes()[last - 1].operator, Operator::Reshape { .. })
            && self.nodes()[last - 1].inputs == [ValueId(last - 1)]
        {
            last -= 1;
        }
        let Some(Operator::Softmax { axis }) = self.nodes()[..last].last().map(|n| &n.operator)
        else {
            return self.clone();
        };
        let value = self.nodes()[last - 1].inputs[0];
        let Shape(axes) = self.shape(value);
        // A softmax over part of the scores does not keep their order; nor is there a network before the first node.
        if axes[*axis] != self.classes() || value.0 + 1 != last || value == ValueId::INPUT {
            return self.clone();
        }
        self.with_nodes(self.nodes()[..last - 1].to_vec())
            .expect("a network's beginning is a network")
    }

    /// The same network with other nodes over its parameters.
    fn with_nodes(&self, nodes: Vec<Node>) -> Result<Self, ShapeError> {
        Self::new(
            self.name().to_owned(),
            self.shape(ValueId::INPUT).clone(),
            self.labels().to_vec(),
            nodes,
            self.parameters().to_vec(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::NetworkBuilder;
    use crate::function::Function;
    use crate::reference;

    fn classifier(build: impl FnOnce(&mut NetworkBuilder)) -> Network {
        let mut builder = NetworkBuilder::new("net", [1, 2, 2], 3);
        let x = builder.flatten("flatten", ValueId::INPUT);
        let x = builder.linear("linear", x, 3);
        builder.activation("relu", x, Function::RELU);
        build(&mut builder);
        builder.finish(Vec::new()).unwrap()
    }

    fn with_end(operators: Vec<Operator>) -> Network {
        let network = classifier(|_| {});
        let mut nodes = network.nodes().to_vec();
        for operator in operators {
            nodes.push(Node {
                name: format!("end {}", nodes.len()),
                operator,
                inputs: vec![ValueId(nodes.len())],
            });
        }
        network.with_nodes(nodes).unwrap()
    }

    #[test]
    fn normalisation_comes_before_all_else() {
        let network = classifier(|_| {});
        let normalized = network.normalized(vec![0.5], vec![0.25]).unwrap();
        let images = [0.1, 0.9, 0.4, 0.6];
        let by_hand: Vec<f32> = images.iter().map(|x| (x - 0.5) / 0.25).collect();
        let expected = reference::evaluate(&network, &by_hand, 1);
        assert_eq!(reference::evaluate(&normalized, &images, 1), expected);
        assert!(network.normalized(vec![0.5; 2], vec![0.25; 2]).is_err());
        let twice = normalized.normalized(vec![0.0], vec![1.0]).unwrap();
        assert_eq!(twice.nodes()[0].name, "normalize_");
    }

    #[test]
    fn a_softmax_at_the_end_goes() {
        let plain = classifier(|_| {});
        let softmax = Operator::Softmax { axis: 0 };
        let reshape = Operator::Reshape { shape: vec![3, 1] };
        assert_eq!(with_end(vec![softmax.clone()]).up_to_logits(), plain);
        let reshaped = with_end(vec![softmax.clone(), reshape.clone()]);
        assert_eq!(reshaped.up_to_logits(), plain);
        assert_eq!(plain.up_to_logits(), plain);
        let inside = with_end(vec![softmax, Operator::Unary(Function::Tanh)]);
        assert_eq!(inside.up_to_logits(), inside);
        // Over an axis of length 1 it makes all scores equal.
        let partial = with_end(vec![reshape, Operator::Softmax { axis: 1 }]);
        assert_eq!(partial.up_to_logits(), partial);
    }
}
