//! Batch norm folded into the convolution or linear layer before it: `γ·(Wx + b − μ)/√(σ² + ε) + β` is linear in x.

use sinew_models::{Network, Node, Operator, Parameter, ParameterId, Role, ValueId};

/// The same function without the batch norms that follow a convolution or linear layer directly and alone. Others stay.
pub(crate) fn fold_batch_norm(network: &Network) -> Network {
    let mut rebuilt = Rebuilt::default();
    // Where each old value is found in the new graph.
    let mut values = vec![ValueId::INPUT];
    for node in network.nodes() {
        let target = foldable(network, node);
        let value = match target {
            Some(layer) => {
                let BatchNorm { factors, shifts } = BatchNorm::of(network, &node.operator);
                rebuilt.scale(
                    values[node.inputs[0].0],
                    &network.nodes()[layer].name,
                    &factors,
                    &shifts,
                );
                values[node.inputs[0].0]
            }
            None => {
                let inputs = node.inputs.iter().map(|value| values[value.0]).collect();
                rebuilt.push(network, node, inputs)
            }
        };
        values.push(value);
    }
    Network::new(
        network.name().to_owned(),
        network.shape(ValueId::INPUT).clone(),
        network.labels().to_vec(),
        rebuilt.nodes,
        rebuilt.parameters,
    )
    .expect("folding keeps every shape")
}

/// The layer that `node`, if it is a batch norm, can be folded into.
fn foldable(network: &Network, node: &Node) -> Option<usize> {
    let Operator::BatchNorm { .. } = node.operator else {
        return None;
    };
    let value = node.inputs[0];
    let layer = value.node()?;
    let alone = network.consumers(value).count() == 1;
    // The channels of the batch norm must be the layer's units.
    let same_units = match network.nodes()[layer].operator {
        Operator::Convolution { .. } => true,
        Operator::Linear { .. } => network.shape(value).0.len() == 1,
        _ => false,
    };
    (alone && same_units).then_some(layer)
}

/// Batch norm as `factor·x + shift`, per channel.
pub(crate) struct BatchNorm {
    pub(crate) factors: Vec<f64>,
    pub(crate) shifts: Vec<f64>,
}

impl BatchNorm {
    pub(crate) fn of(network: &Network, operator: &Operator) -> Self {
        let Operator::BatchNorm {
            scale,
            shift,
            mean,
            variance,
            epsilon,
        } = operator
        else {
            unreachable!("asked only for batch norms")
        };
        let [scale, shift, mean, variance] =
            [scale, shift, mean, variance].map(|id| network.parameter(*id).values());
        let factors: Vec<f64> = scale
            .iter()
            .zip(variance)
            .map(|(scale, variance)| {
                f64::from(*scale) / (f64::from(*variance) + f64::from(*epsilon)).sqrt()
            })
            .collect();
        let channels = factors.iter().zip(shift.iter().zip(mean));
        let shifts = channels
            .map(|(factor, (shift, mean))| f64::from(*shift) - factor * f64::from(*mean))
            .collect();
        Self { factors, shifts }
    }
}

#[derive(Default)]
struct Rebuilt {
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
}

impl Rebuilt {
    /// Adds a copy of `node` with its parameters renumbered.
    fn push(&mut self, network: &Network, node: &Node, inputs: Vec<ValueId>) -> ValueId {
        let mut operator = node.operator.clone();
        for id in operator.parameters_mut() {
            self.parameters.push(network.parameter(*id).clone());
            *id = ParameterId(self.parameters.len() - 1);
        }
        self.nodes.push(Node {
            name: node.name.clone(),
            operator,
            inputs,
        });
        ValueId::of_node(self.nodes.len() - 1)
    }

    /// Multiplies the outputs of the layer that computes `value` by `factors` and adds `shifts`.
    fn scale(&mut self, value: ValueId, name: &str, factors: &[f64], shifts: &[f64]) {
        let node = &mut self.nodes[value.node().expect("a layer computes it")];
        let (Operator::Convolution { weight, bias, .. } | Operator::Linear { weight, bias }) =
            &mut node.operator
        else {
            unreachable!("only layers with weights are scaled")
        };
        let weights = &mut self.parameters[weight.0];
        let per_unit = weights.values().len() / factors.len();
        let units = weights.values().chunks(per_unit).zip(factors);
        let scaled = units
            .flat_map(|(unit, factor)| unit.iter().map(move |w| (f64::from(*w) * factor) as f32))
            .collect();
        weights.set_values(scaled);
        match bias {
            Some(bias) => {
                let bias = &mut self.parameters[bias.0];
                let old = bias.values().iter().zip(factors.iter().zip(shifts));
                let new = old
                    .map(|(b, (factor, shift))| (f64::from(*b) * factor + shift) as f32)
                    .collect();
                bias.set_values(new);
            }
            None => {
                let values = shifts.iter().map(|shift| *shift as f32).collect();
                let shape = vec![shifts.len()];
                self.parameters.push(Parameter::new(
                    format!("{name}.bias"),
                    Role::Bias,
                    shape,
                    values,
                ));
                *bias = Some(ParameterId(self.parameters.len() - 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use sinew_models::reference;

    use super::*;
    use crate::seed::stream;
    use crate::testing::two_layers;

    #[test]
    fn the_folded_network_computes_the_same() {
        let mut network = two_layers();
        let mut random = stream(1, "test", &[]);
        for parameter in network.parameters_mut() {
            let low = if parameter.role() == Role::RunningVariance {
                0.1
            } else {
                -1.0
            };
            let values = parameter
                .values()
                .iter()
                .map(|_| random.random_range(low..1.0))
                .collect();
            parameter.set_values(values);
        }
        let folded = fold_batch_norm(&network);
        let batch_norms = |n: &Network| {
            n.nodes()
                .iter()
                .filter(|node| matches!(node.operator, Operator::BatchNorm { .. }))
                .count()
        };
        assert_eq!((batch_norms(&network), batch_norms(&folded)), (1, 0));
        let images: Vec<f32> = (0..36 * 4).map(|_| random.random_range(0.0..1.0)).collect();
        let before = reference::evaluate(&network, &images, 4);
        let after = reference::evaluate(&folded, &images, 4);
        for (a, b) in before.iter().zip(&after) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}
