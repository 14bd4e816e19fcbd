//! The float twin: a packed file back as a `Network`, for gradients and for tools.
//!
//! The twin computes what the file computes, up to rounding. Batch norms stay folded, and affine steps come back as batch norms.
//! Non-goals: checking the file, which `Model::parse` does first.

mod twin;
mod view;

use sinew_models::Network;
use sinew_runtime::format::{
    Encoding, Header, PlanHeader, SectionEntry, SectionKind, StepRecord, TensorRecord,
};
use sinew_runtime::{Error, Model};

use super::{Manifest, PackError};
use twin::Twin;

/// The network inside a `.sinew` file. Class names and layer names are those of its manifest.
///
/// # Errors
/// If the file is not valid, or a step's bounds leave nothing but infinity.
pub fn unpack(file: &[u8]) -> Result<Network, PackError> {
    let model = Model::parse(file)?;
    let manifest = Manifest::from_bytes(model.manifest()).unwrap_or_default();
    let plan = section(file, SectionKind::Plan)?;
    let weights = section(file, SectionKind::Weights)?;
    let header = PlanHeader::from_bytes(&array(plan, 0))?;
    let tensor = |number: usize| {
        TensorRecord::from_bytes(&array(
            plan,
            PlanHeader::BYTES + number * TensorRecord::BYTES,
        ))
        .shape
    };
    let steps_at = PlanHeader::BYTES + (header.step_count as usize + 1) * TensorRecord::BYTES;

    let mut twin = Twin::new(tensor(0));
    // Step k writes tensor k + 1; what comes after the output's step is for nothing.
    for index in 0..header.output as usize {
        let record = StepRecord::from_bytes(&array(plan, steps_at + index * StepRecord::BYTES))?;
        let start = record.weights_offset as usize;
        let blob = Blob(&weights[start..start + record.weights_length as usize]);
        // Names must be unique, which a foreign manifest does not promise, nor does a node that became several steps.
        let known = manifest.layers.get(index).map(|layer| layer.name.clone());
        let name = known.unwrap_or_else(|| format!("step {index}"));
        let inputs: Vec<_> = record
            .inputs()
            .iter()
            .map(|t| tensor(*t as usize))
            .collect();
        twin.step(&name, &record, &inputs, tensor(index + 1), blob)?;
    }
    let classes = model.output_len();
    let labels = if manifest.labels.len() == classes {
        manifest.labels
    } else {
        Vec::new()
    };
    Network::new(
        manifest.network,
        model.input_shape(),
        labels,
        twin.nodes,
        twin.parameters,
    )
    .map_err(|error| PackError::Node {
        node: error.place,
        problem: error.problem,
    })
}

fn section(file: &[u8], kind: SectionKind) -> Result<&[u8], Error> {
    let count = Header::from_bytes(&array(file, 0))?.section_count as usize;
    let mut found = &file[..0];
    for index in 0..count {
        let at = Header::BYTES + index * SectionEntry::BYTES;
        let entry = SectionEntry::from_bytes(&array(file, at))?;
        if entry.kind == kind {
            found = &file[entry.offset as usize..(entry.offset + entry.length) as usize];
        }
    }
    Ok(found)
}

/// Bytes of a verified file.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("the slice has this length")
}

/// A part of the weights section, read from front to back.
struct Blob<'f>(&'f [u8]);

impl Blob<'_> {
    fn words<T>(&mut self, count: usize, read: impl Fn([u8; 4]) -> T) -> Vec<T> {
        let (words, rest) = self.0.split_at(4 * count);
        self.0 = rest;
        words
            .chunks_exact(4)
            .map(|word| read(array(word, 0)))
            .collect()
    }

    fn floats(&mut self, count: usize) -> Vec<f32> {
        self.words(count, f32::from_le_bytes)
    }

    /// Bias and dense weights of a matrix in either encoding.
    fn matrix(mut self, encoding: Encoding, rows: usize, columns: usize) -> (Vec<f32>, Vec<f32>) {
        let bias = self.floats(rows);
        if encoding == Encoding::Dense {
            return (bias, self.floats(rows * columns));
        }
        let pointers = self.words(rows + 1, u32::from_le_bytes);
        let stored = self.floats(pointers[rows] as usize);
        let mut values = vec![0.0; rows * columns];
        for (row, pointers) in pointers.windows(2).enumerate() {
            let range = pointers[0] as usize..pointers[1] as usize;
            for (index, value) in range.clone().zip(&stored[range]) {
                let column = usize::from(u16::from_le_bytes(array(self.0, 2 * index)));
                values[row * columns + column] = *value;
            }
        }
        (bias, values)
    }
}

#[cfg(test)]
mod tests {
    use sinew_models::reference;

    use super::*;
    use crate::pack::pack;
    use crate::testing::two_layers;

    #[test]
    fn the_twin_computes_what_the_network_computes() {
        let mut network = two_layers();
        let count = network.parameters()[0].values().len();
        network.parameters_mut()[0].set_mask((0..count).map(|i| i % 5 == 0).collect());
        let packed = pack(&network, &Manifest::new(&network, None)).unwrap();
        let twin = unpack(&packed).unwrap();
        assert_eq!(twin.labels(), network.labels());
        let images: Vec<f32> = (0..36 * 3).map(|i| (i * 7 % 13) as f32 / 13.0).collect();
        let before = reference::evaluate(&network, &images, 3);
        let after = reference::evaluate(&twin, &images, 3);
        for (a, b) in before.iter().zip(&after) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        // Packing the twin again changes nothing but the bookkeeping of folded batch norms.
        let again = pack(&twin, &Manifest::new(&twin, None)).unwrap();
        let weights = |file: &[u8]| section(file, SectionKind::Weights).unwrap().to_vec();
        assert_eq!(weights(&packed), weights(&again));
    }

    #[test]
    fn damaged_files_are_refused() {
        let network = two_layers();
        let mut packed = pack(&network, &Manifest::new(&network, None)).unwrap();
        let last = packed.len() / 2;
        packed[last] ^= 1;
        assert!(matches!(unpack(&packed), Err(PackError::Verify(_))));
    }
}
