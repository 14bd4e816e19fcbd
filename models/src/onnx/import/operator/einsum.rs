//! `Einsum` of one or two values: a matrix product between rearrangements.
//!
//! Non-goals: ellipses, diagonals (a letter twice in one value), and more than two values.

use std::collections::BTreeMap;

use super::matrix::product;
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::Reduction;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[("Einsum", einsum)];

fn einsum(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let equation = Equation::parse(&node.string("equation", "")?)?;
    let values = lowering.inputs(node)?;
    if values.len() != equation.inputs.len() {
        let (terms, inputs) = (equation.inputs.len(), values.len());
        return Err(format!("the equation has {terms} terms for {inputs} inputs").into());
    }
    let mut terms = Vec::new();
    let mut lengths = BTreeMap::new();
    for (value, letters) in values.into_iter().zip(&equation.inputs) {
        if value.rank() != letters.len() {
            let (axes, count) = (value.rank(), letters.len());
            return Err(format!("a term of {count} letters for a value with {axes} axes").into());
        }
        for (letter, length) in letters.iter().zip(value.shape()) {
            if *lengths.entry(*letter).or_insert(*length) != *length {
                return Err(format!("axes named '{letter}' have different lengths").into());
            }
        }
        let letters = letters.clone();
        terms.push(Term { value, letters });
    }
    let output = &equation.output;
    let result = match &terms[..] {
        [term] => term.clone().summed(lowering, output)?,
        [left, right] => contract(lowering, left, right, output, &lengths)?,
        _ => return Err("takes one or two values here; split the equation".into()),
    };
    Ok(vec![result.arranged(lowering, output)?])
}

/// Which axes are the same, by letters.
struct Equation {
    inputs: Vec<Vec<char>>,
    output: Vec<char>,
}

impl Equation {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let text: String = text.chars().filter(|c| *c != ' ').collect();
        let (inputs, output) = match text.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output)),
            None => (text.as_str(), None),
        };
        let inputs: Vec<Vec<char>> = inputs
            .split(',')
            .map(|term| term.chars().collect())
            .collect();
        let output = match output {
            Some(output) => output.chars().collect(),
            None => once(&inputs),
        };
        for term in inputs.iter().chain([&output]) {
            if !term.iter().all(char::is_ascii_alphabetic) {
                return Err(format!("equation \"{text}\" has more than letters").into());
            }
            if (1..term.len()).any(|index| term[..index].contains(&term[index])) {
                return Err(format!("equation \"{text}\" repeats a letter in a term").into());
            }
        }
        match output
            .iter()
            .find(|letter| !inputs.concat().contains(letter))
        {
            Some(letter) => Err(format!("no input has the axis '{letter}' of the output").into()),
            None => Ok(Self { inputs, output }),
        }
    }
}

/// The output where none is written: letters that occur once, in alphabetical order.
fn once(inputs: &[Vec<char>]) -> Vec<char> {
    let all = inputs.concat();
    let mut letters = all.clone();
    letters.retain(|letter| all.iter().filter(|other| *other == letter).count() == 1);
    letters.sort_unstable();
    letters
}

/// A value with a letter for each axis.
#[derive(Clone)]
struct Term {
    value: Value,
    letters: Vec<char>,
}

impl Term {
    /// Without the axes that are not among `kept`: sums along them.
    fn summed(self, lowering: &mut Lowering, kept: &[char]) -> Result<Self, Refusal> {
        let is_kept = |axis: &usize| kept.contains(&self.letters[*axis]);
        let (left, axes): (Vec<usize>, Vec<usize>) =
            (0..self.letters.len()).partition(|axis| is_kept(axis));
        if axes.is_empty() {
            return Ok(self);
        }
        let sum = lowering.reduce(Reduction::Sum, &self.value, &axes)?;
        let shape: Vec<usize> = left.iter().map(|axis| sum.shape()[*axis]).collect();
        Ok(Self {
            value: lowering.reshape(&sum, &shape)?,
            letters: left.iter().map(|axis| self.letters[*axis]).collect(),
        })
    }

    /// The value with its axes in the order of `letters`, which are the same.
    fn arranged(&self, lowering: &mut Lowering, letters: &[char]) -> Result<Value, Refusal> {
        let axis = |letter: &char| self.letters.iter().position(|own| own == letter);
        let order: Vec<usize> = letters.iter().filter_map(axis).collect();
        lowering.transpose(&self.value, &order)
    }
}

/// Products of all elements that agree in common letters, summed along those that are not in `output`.
fn contract(
    lowering: &mut Lowering,
    left: &Term,
    right: &Term,
    output: &[char],
    lengths: &BTreeMap<char, usize>,
) -> Result<Term, Refusal> {
    let left = left
        .clone()
        .summed(lowering, &[output, &right.letters].concat())?;
    let right = right
        .clone()
        .summed(lowering, &[output, &left.letters].concat())?;
    let (shared, rows): (Vec<char>, Vec<char>) = left
        .letters
        .iter()
        .partition(|letter| right.letters.contains(letter));
    let (batch, inner): (Vec<char>, Vec<char>) =
        shared.iter().partition(|letter| output.contains(letter));
    let mut columns = right.letters.clone();
    columns.retain(|letter| !shared.contains(letter));

    let shape =
        |letters: &[char]| -> Vec<usize> { letters.iter().map(|letter| lengths[letter]).collect() };
    let size = |letters: &[char]| shape(letters).iter().product();
    let a = left.arranged(lowering, &[&batch[..], &rows, &inner].concat())?;
    let a = lowering.reshape(
        &a,
        &[&shape(&batch)[..], &[size(&rows), size(&inner)]].concat(),
    )?;
    let b = right.arranged(lowering, &[&batch[..], &inner, &columns].concat())?;
    let b = lowering.reshape(
        &b,
        &[&shape(&batch)[..], &[size(&inner), size(&columns)]].concat(),
    )?;
    let product = product(lowering, &a, &b)?;
    let letters = [batch, rows, columns].concat();
    Ok(Term {
        value: lowering.reshape(&product, &shape(&letters))?,
        letters,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::onnx::import::testing::{Model, floats, string_attribute};

    fn model(equation: &str, shape: &[i64], constant: &[i64], values: &[f32]) -> Model {
        let constant = floats("c", constant, values);
        let attributes = vec![string_attribute("equation", equation)];
        Model::of_node(12, shape, "Einsum", &[constant], attributes)
    }

    #[test]
    fn letters_left_out_are_summed_and_the_output_is_ordered() {
        let attributes = || vec![string_attribute("equation", "ijk -> ki")];
        let sum = Model::of_node(12, &[2, 2, 1], "Einsum", &[], attributes());
        assert_eq!(sum.output_shape(), [1, 2]);
        assert_eq!(sum.run(&[1.0, 2.0, 3.0, 4.0]), [3.0, 7.0]);
    }

    #[test]
    fn an_output_that_is_not_written_has_the_letters_that_occur_once() {
        let model = model("kj,ji", &[2, 1], &[1, 1], &[2.0]);
        assert_eq!(model.output_shape(), [1, 2]);
    }

    #[test]
    fn equations_beyond_products_are_refused() {
        let refusal = |equation| model(equation, &[2, 2], &[2, 2], &[1.0; 4]).refusal();
        assert!(refusal("...i,ij->...j").contains("more than letters"));
        assert!(refusal("ii,ij->j").contains("repeats a letter"));
        assert!(refusal("ij,jk->z").contains("no input has the axis 'z'"));
        assert!(refusal("ij->ij").contains("1 terms for 2 inputs"));
        assert!(refusal("ijk,ij->k").contains("3 letters for a value with 2 axes"));
        let lengths = model("ij,jk->ik", &[2, 2], &[3, 2], &[1.0; 6]).refusal();
        assert!(lengths.contains("different lengths"), "{lengths}");
    }

    /// Every term by its definition: a sum over all values of all letters.
    fn naive(
        terms: [&[u8]; 2],
        output: &[u8],
        lengths: [usize; 4],
        values: [&[f32]; 2],
    ) -> Vec<f32> {
        let offset = |letters: &[u8], index: [usize; 4]| {
            letters.iter().fold(0, |offset, letter| {
                offset * lengths[usize::from(*letter)] + index[usize::from(*letter)]
            })
        };
        let size: usize = output
            .iter()
            .map(|letter| lengths[usize::from(*letter)])
            .product();
        let mut result = vec![0.0; size];
        for count in 0..lengths.iter().product() {
            let mut rest = count;
            let index = lengths.map(|length| {
                let index = rest % length;
                rest /= length;
                index
            });
            // Letters that occur nowhere have but one value.
            let factors = [0, 1].map(|term| values[term][offset(terms[term], index)]);
            result[offset(output, index)] += factors[0] * factors[1];
        }
        result
    }

    proptest! {
        #[test]
        fn products_are_sums_over_all_letters(
            lengths in prop::array::uniform4(1usize..4),
            left in prop::sample::subsequence(vec![0u8, 1, 2, 3], 1..4).prop_shuffle(),
            right in prop::sample::subsequence(vec![0u8, 1, 2, 3], 1..4).prop_shuffle(),
            keep: [bool; 4],
        ) {
            let occurs = |letter: &u8| left.contains(letter) || right.contains(letter);
            let lengths = [0u8, 1, 2, 3].map(|letter| {
                if occurs(&letter) { lengths[usize::from(letter)] } else { 1 }
            });
            let kept = |letter: &u8| occurs(letter) && keep[usize::from(*letter)];
            let output: Vec<u8> = (0..4).rev().filter(kept).collect();
            let shape = |letters: &[u8]| -> Vec<i64> {
                letters.iter().map(|letter| lengths[usize::from(*letter)] as i64).collect()
            };
            let numbers = |letters: &[u8], step: i64| -> Vec<f32> {
                let count: i64 = shape(letters).iter().product();
                (0..count).map(|index| (index * step % 7 - 3) as f32).collect()
            };
            let text = |letters: &[u8]| -> String {
                letters.iter().map(|letter| char::from(b'a' + letter)).collect()
            };
            let equation = format!("{},{}->{}", text(&left), text(&right), text(&output));
            let (x, c) = (numbers(&left, 3), numbers(&right, 5));
            let model = model(&equation, &shape(&left), &shape(&right), &c);
            prop_assert_eq!(model.run(&x), naive([&left, &right], &output, lengths, [&x, &c]));
        }
    }
}
