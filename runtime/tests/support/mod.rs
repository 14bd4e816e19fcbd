//! Makes model files for tests and benchmarks from layers with random weights. Not a packer: tensors
//! do not share the arena unless a test moves them.

// Every test is a program of its own and uses a part of this.
#![allow(dead_code)]

pub mod judge;
pub mod oracle;
pub mod random;
pub mod sample;

use random::Random;
use sinew_runtime::format::{
    Demand, Encoding, Header, Operator, PlanHeader, SECTION_ALIGNMENT, SectionEntry, SectionKind,
    Shape, StepRecord, TensorRecord, Window, crc32c,
};

/// A layer: an operator with its weights.
pub struct Layer {
    pub operator: Operator,
    pub inputs: Vec<usize>,
    /// The bias, or the scale of an affine layer.
    pub bias: Vec<f32>,
    /// The row-major matrix with zeros for pruned weights, the shift of an affine layer, or a constant.
    pub weights: Vec<f32>,
    /// What a gather layer chooses.
    pub indices: Vec<u32>,
}

/// Layers and the shapes of their tensors.
pub struct Network {
    pub layers: Vec<Layer>,
    pub shapes: Vec<Shape>,
    pub random: Random,
}

impl Network {
    pub fn new(input: [u32; 3], seed: u64) -> Self {
        let [channels, height, width] = input;
        Self {
            layers: Vec::new(),
            shapes: vec![Shape {
                channels,
                height,
                width,
            }],
            random: Random::new(seed),
        }
    }

    /// Adds a layer that reads some tensors and returns the number of the tensor it writes. `channels`
    /// counts for constants and layers with a matrix, `density` for sparse ones. Where the shape does
    /// not follow from the operator it is that of the first input, or that of a vector.
    pub fn add(
        &mut self,
        operator: Operator,
        inputs: &[usize],
        channels: u32,
        density: f32,
    ) -> usize {
        let images: Vec<Shape> = inputs.iter().map(|&input| self.shapes[input]).collect();
        let windowed = |channels, window: Window| {
            let image = images[0];
            let [height, width] = window.output_size([image.height, image.width]).unwrap();
            Shape {
                channels,
                height,
                width,
            }
        };
        let vector = |values: u64| Shape {
            channels: values as u32,
            height: 1,
            width: 1,
        };
        let shape = match operator {
            Operator::Convolution { window, .. } => windowed(channels, window),
            Operator::MaxPool { window } | Operator::AveragePool { window } => {
                windowed(images[0].channels, window)
            }
            Operator::Linear { .. } | Operator::Constant => vector(channels.into()),
            Operator::Binary { .. }
            | Operator::Affine { .. }
            | Operator::Unary { .. }
            | Operator::Swap { .. }
            | Operator::Softmax { .. } => images[0],
            Operator::Concat { .. } => vector(images.iter().map(Shape::elements).sum()),
            Operator::Gather { view, count, .. } => vector(view.with_axis(count).elements()),
            Operator::Reduce { view, .. } => vector(view.with_axis(1).elements()),
            Operator::MatMul {
                batch,
                rows,
                columns,
                ..
            } => vector(u64::from(batch * rows * columns)),
        };
        let demand = Demand::of(&operator, &images, shape).unwrap();
        let (rows, values, indices) = match operator {
            Operator::Affine { .. } => (shape.channels.into(), shape.channels.into(), 0),
            Operator::Constant => (0, shape.elements(), 0),
            Operator::Gather { count, .. } => (0, 0, count),
            _ => (demand.rows, demand.rows * demand.columns, 0),
        };
        let density = match encoding(&operator) {
            Some(Encoding::Sparse) => density,
            _ => 1.0,
        };
        let random = &mut self.random;
        let bias = (0..rows).map(|_| random.signed_unit()).collect();
        let weights = (0..values)
            .map(|_| {
                let kept = random.unit() < density;
                let value = random.signed_unit();
                if kept { value } else { 0.0 }
            })
            .collect();
        let indices = (0..indices)
            .map(|_| match operator {
                Operator::Gather { view, .. } if random.below(8) > 0 => {
                    random.below(view.axis as usize) as u32
                }
                _ => Operator::FILL,
            })
            .collect();
        self.layers.push(Layer {
            operator,
            inputs: inputs.to_vec(),
            bias,
            weights,
            indices,
        });
        self.shapes.push(shape);
        self.layers.len()
    }

    /// The parts of a file whose output is the last tensor.
    pub fn parts(&self) -> Parts {
        let mut offset = 0;
        let tensors = self.shapes.iter().map(|&shape| {
            let tensor = TensorRecord { offset, shape };
            offset += shape.elements() as u32;
            tensor
        });
        let mut parts = Parts {
            header: PlanHeader {
                output: self.layers.len() as u32,
                step_count: self.layers.len() as u32,
                arena_bytes: 0,
                scratch_bytes: 0,
                macs_dense: 0,
                macs_effective: 0,
            },
            tensors: tensors.collect(),
            steps: Vec::new(),
            weights: Vec::new(),
            manifest: b"a manifest".to_vec(),
        };
        parts.header.arena_bytes = 4 * u64::from(offset);
        for (index, layer) in self.layers.iter().enumerate() {
            let shapes: Vec<Shape> = layer
                .inputs
                .iter()
                .map(|&input| self.shapes[input])
                .collect();
            let demand = Demand::of(&layer.operator, &shapes, self.shapes[index + 1]).unwrap();
            let mut inputs = [0; 2];
            for (number, &input) in inputs.iter_mut().zip(&layer.inputs) {
                *number = input as u32;
            }
            let (blob, stored) = layer.blob(&demand);
            let header = &mut parts.header;
            header.scratch_bytes = header.scratch_bytes.max(demand.scratch_bytes);
            header.macs_dense += demand.macs_dense();
            header.macs_effective += demand.macs_effective(stored);
            parts.steps.push(StepRecord {
                operator: layer.operator,
                inputs,
                output: index as u32 + 1,
                weights_offset: if blob.is_empty() {
                    0
                } else {
                    parts.weights.len() as u64
                },
                weights_length: blob.len() as u64,
            });
            parts.weights.extend(blob);
        }
        parts
    }
}

/// How the operator's matrix is stored, if it has one.
fn encoding(operator: &Operator) -> Option<Encoding> {
    match *operator {
        Operator::Convolution { encoding, .. } | Operator::Linear { encoding, .. } => {
            Some(encoding)
        }
        _ => None,
    }
}

impl Layer {
    /// The layer's part of the weights section and the number of weights stored in its matrix.
    fn blob(&self, demand: &Demand) -> (Vec<u8>, u64) {
        let mut blob = words(&self.bias);
        if encoding(&self.operator) != Some(Encoding::Sparse) {
            blob.extend(words(&self.weights));
            blob.extend(self.indices.iter().flat_map(|index| index.to_le_bytes()));
            return (blob, demand.rows * demand.columns);
        }
        let mut pointers = vec![0_u32];
        let (mut values, mut columns) = (Vec::new(), Vec::<u16>::new());
        for row in self.weights.chunks_exact(demand.columns as usize) {
            for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                values.push(value);
                columns.push(column as u16);
            }
            pointers.push(values.len() as u32);
        }
        blob.extend(pointers.iter().flat_map(|pointer| pointer.to_le_bytes()));
        blob.extend(words(&values));
        blob.extend(columns.iter().flat_map(|column| column.to_le_bytes()));
        blob.resize(blob.len().next_multiple_of(4), 0);
        (blob, values.len() as u64)
    }
}

fn words(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// The contents of a file, which a test may make wrong before they are put together.
pub struct Parts {
    pub header: PlanHeader,
    pub tensors: Vec<TensorRecord>,
    pub steps: Vec<StepRecord>,
    pub weights: Vec<u8>,
    pub manifest: Vec<u8>,
}

impl Parts {
    pub fn plan(&self) -> Vec<u8> {
        let mut plan = self.header.to_bytes().to_vec();
        plan.extend(self.tensors.iter().flat_map(TensorRecord::to_bytes));
        plan.extend(self.steps.iter().flat_map(StepRecord::to_bytes));
        plan
    }

    pub fn file(&self) -> Vec<u8> {
        assemble(&[
            (SectionKind::Plan, &self.plan()),
            (SectionKind::Weights, &self.weights),
            (SectionKind::Manifest, &self.manifest),
        ])
    }

    /// Moves the tensors to `offsets` and declares the arena that they need.
    pub fn place(&mut self, offsets: &[u32]) {
        for (tensor, &offset) in self.tensors.iter_mut().zip(offsets) {
            tensor.offset = offset;
        }
        let end = self.tensors.iter().map(|tensor| tensor.span().end).max();
        self.header.arena_bytes = 4 * end.unwrap();
    }
}

/// A file with these sections.
pub fn assemble(sections: &[(SectionKind, &[u8])]) -> Vec<u8> {
    let mut file = vec![0; Header::BYTES + sections.len() * SectionEntry::BYTES];
    let mut table = Vec::new();
    for &(kind, contents) in sections {
        file.resize(file.len().next_multiple_of(SECTION_ALIGNMENT), 0);
        let entry = SectionEntry {
            kind,
            checksum: crc32c(contents),
            offset: file.len() as u64,
            length: contents.len() as u64,
        };
        table.extend(entry.to_bytes());
        file.extend(contents);
    }
    let header = Header {
        section_count: sections.len() as u32,
        file_length: file.len() as u64,
        table_checksum: crc32c(&table),
    };
    file[..Header::BYTES].copy_from_slice(&header.to_bytes());
    file[Header::BYTES..][..table.len()].copy_from_slice(&table);
    file
}

/// Makes the checksums of a damaged file match again, as far as its table can be followed.
pub fn reseal(file: &mut [u8]) {
    let long = |file: &[u8], at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    if file.len() < Header::BYTES {
        return;
    }
    let table_end = Header::BYTES + usize::from(file[12]) * SectionEntry::BYTES;
    if table_end <= file.len() {
        for entry in (Header::BYTES..table_end).step_by(SectionEntry::BYTES) {
            let start = long(file, entry + 8) as usize;
            let end = start.saturating_add(long(file, entry + 16) as usize);
            if let Some(contents) = file.get(start..end) {
                let checksum = crc32c(contents);
                file[entry + 4..entry + 8].copy_from_slice(&checksum.to_le_bytes());
            }
        }
        let checksum = crc32c(&file[Header::BYTES..table_end]);
        file[24..28].copy_from_slice(&checksum.to_le_bytes());
    }
    let checksum = crc32c(&file[..60]);
    file[60..64].copy_from_slice(&checksum.to_le_bytes());
}
