//! One test for every way in which a file can be malformed: each takes a valid file, does one kind of
//! damage to it, and expects the verifier to name that kind.

mod support;

use sinew_runtime::format::{
    Bounds, Encoding, MAX_DIMENSION, MAX_MEMORY_BYTES, MAX_STEPS, Operator, SectionKind, Window,
};
use sinew_runtime::{ErrorKind, Model};
use support::{Network, Parts, assemble, reseal};

const WINDOW: Window = Window {
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1; 4],
};
/// Where the plan of the sample starts: header and three section entries end at 160.
const PLAN: usize = 192;
/// Where its steps start: six tensors follow the plan header.
const STEPS: usize = PLAN + 64 + 6 * 16;
const CONVOLUTION: usize = STEPS;
const POOL: usize = STEPS + 64;
const ADD: usize = STEPS + 3 * 64;

/// A file with every kind of weights: sparse convolution, max pool, affine, add, dense linear.
fn sample() -> Parts {
    let mut network = Network::new([2, 4, 4], 4);
    let bounds = Bounds::RELU;
    let convolution = Operator::Convolution {
        encoding: Encoding::Sparse,
        bounds,
        window: WINDOW,
        groups: 1,
    };
    let map = network.add(convolution, 0, 4, 0.5);
    // An odd number of stored weights, so that the blob ends in padding, and two in the first row.
    let weights = &mut network.layers[0].weights;
    weights[..2].copy_from_slice(&[0.5, 0.25]);
    if weights.iter().filter(|weight| **weight != 0.0).count() % 2 == 0 {
        weights[2] = if weights[2] == 0.0 { 1.0 } else { 0.0 };
    }
    let pool = Operator::MaxPool {
        window: Window {
            kernel: [2, 2],
            stride: [2, 2],
            padding: [0; 4],
        },
    };
    let pooled = network.add(pool, map, 0, 0.0);
    let scaled = network.add(Operator::Affine { bounds }, pooled, 0, 0.0);
    let second = pooled as u32;
    let sum = network.add(Operator::Add { second, bounds }, scaled, 0, 0.0);
    let linear = Operator::Linear {
        encoding: Encoding::Dense,
        bounds: Bounds::NONE,
    };
    network.add(linear, sum, 3, 1.0);
    network.parts()
}

/// Where the parts of the convolution's blob start: row pointers, values and columns.
fn sparse_parts(parts: &Parts) -> [usize; 3] {
    let stored = u32::from_le_bytes(parts.weights[32..36].try_into().unwrap()) as usize;
    [16, 36, 36 + 4 * stored]
}

/// What is done to the sample.
enum Damage {
    /// To the finished file.
    File(fn(&mut Vec<u8>)),
    /// To the finished file, whose checksums are then made right again.
    Resealed(fn(&mut Vec<u8>)),
    /// Before the file is put together.
    Parts(fn(&mut Parts)),
}
use Damage::{File, Resealed};

fn kind_of(damage: Damage) -> Option<ErrorKind> {
    let mut parts = sample();
    if let Damage::Parts(damage) = damage {
        damage(&mut parts);
    }
    let mut file = parts.file();
    match damage {
        File(damage) => damage(&mut file),
        Resealed(damage) => {
            damage(&mut file);
            reseal(&mut file);
        }
        Damage::Parts(_) => {}
    }
    Model::parse(&file).err().map(|error| {
        assert!(error.offset <= file.len() as u64, "{error}");
        error.kind
    })
}

/// Defines a test for each line, and the list of kinds that they expect.
macro_rules! malformed {
    ($($name:ident: $kind:ident = $damage:expr;)*) => {
        $(#[test]
        fn $name() {
            assert_eq!(kind_of($damage), Some(ErrorKind::$kind));
        })*

        const EXPECTED: &[ErrorKind] = &[$(ErrorKind::$kind),*];
    };
}

malformed! {
    line_ends_rewritten: TextModeDamage = File(|file| { file.remove(4); });
    eighth_bit_dropped: TextModeDamage = File(|file| file[0] &= 0x7F);
    empty_file: NotSinew = File(Vec::clear);
    foreign_file: NotSinew = File(|file| file[1] = b'X');
    ends_in_header: Truncated = File(|file| file.truncate(63));
    ends_in_table: Truncated = File(|file| file.truncate(159));
    header_damaged: HeaderChecksum = File(|file| file[12] ^= 1);
    newer_version: UnsupportedVersion = Resealed(|file| file[8] = 1);
    header_reserved: HeaderReserved = Resealed(|file| file[59] = 1);
    cut_off: FileLength = File(|file| { file.pop(); });
    too_long: FileLength = File(|file| file.push(0));
    too_many_sections: SectionCount = Resealed(|file| file[12] = 4);
    too_few_sections: SectionCount = Resealed(|file| file[12] = 1);
    table_damaged: TableChecksum = File(|file| file[72] ^= 1);
    unknown_section: SectionKind = Resealed(|file| file[64] = 4);
    section_reserved: SectionReserved = Resealed(|file| file[64 + 31] = 1);
    section_twice: SectionOrder = Resealed(|file| file[96] = 1);
    sections_overlap: SectionOffset = Resealed(|file| file[96 + 8] -= 64);
    hole_between_sections: SectionOffset = Resealed(|file| file[64 + 9] += 1);
    section_leaves_file: SectionBounds = Resealed(|file| file[128 + 16] += 1);
    section_length_overflows: SectionBounds = Resealed(|file| file[128 + 16..][..8].fill(0xFF));
    section_padding: SectionPadding = File(|file| file[PLAN - 1] = 1);
    section_damaged: SectionChecksum = File(|file| *file.last_mut().unwrap() ^= 1);
    no_weights_section: SectionMissing = File(|file| {
        let parts = sample();
        let sections = [
            (SectionKind::Plan, &parts.plan()[..]),
            (SectionKind::Manifest, &parts.manifest),
        ];
        *file = assemble(&sections);
    });
    trailing_bytes: TrailingBytes = Resealed(|file| {
        file.push(0);
        let length = file.len() as u64;
        file[16..24].copy_from_slice(&length.to_le_bytes());
    });

    plan_ends_in_header: PlanLength = File(|file| *file = with_plan(|plan| plan.truncate(63)));
    plan_ends_in_tensors: PlanLength = File(|file| *file = with_plan(|plan| plan.truncate(100)));
    plan_too_long: PlanLength = File(|file| *file = with_plan(|plan| plan.push(0)));
    plan_reserved: PlanReserved = Resealed(|file| file[PLAN + 63] = 1);
    no_steps: StepCount = Damage::Parts(|parts| parts.header.step_count = 0);
    too_many_steps: StepCount = Damage::Parts(|parts| parts.header.step_count = MAX_STEPS + 1);
    tensors_and_steps_disagree: TensorCount = Resealed(|file| file[PLAN + 8] += 1);
    input_is_not_first: InputTensor = Resealed(|file| file[PLAN] = 1);
    output_is_no_tensor: OutputTensor = Damage::Parts(|parts| parts.header.output = 6);
    too_much_memory: MemoryLimit =
        Damage::Parts(|parts| parts.header.scratch_bytes = MAX_MEMORY_BYTES);
    memory_overflows: MemoryLimit = Damage::Parts(|parts| {
        parts.header.arena_bytes = u64::MAX;
        parts.header.scratch_bytes = u64::MAX;
    });
    empty_tensor: Dimension = Damage::Parts(|parts| parts.tensors[1].shape.width = 0);
    huge_dimension: Dimension =
        Damage::Parts(|parts| parts.tensors[1].shape.channels = MAX_DIMENSION + 1);
    tensor_leaves_arena: TensorOutsideArena = Damage::Parts(|parts| parts.tensors[5].offset += 1);
    tensor_far_outside: TensorOutsideArena =
        Damage::Parts(|parts| parts.tensors[5].offset = u32::MAX);
    arena_slack: ArenaSlack = Damage::Parts(|parts| parts.header.arena_bytes += 1);

    unknown_operator: UnknownOperator = Resealed(|file| file[POOL] = 7);
    unknown_encoding: UnknownEncoding = Resealed(|file| file[CONVOLUTION + 2] = 3);
    convolution_without_encoding: UnknownEncoding = Resealed(|file| file[CONVOLUTION + 2] = 0);
    bounds_in_wrong_order: ActivationBounds = Damage::Parts(|parts| {
        parts.steps[2].operator = Operator::Affine {
            bounds: Bounds { low: 1.0, high: 0.0 },
        };
    });
    bounds_not_a_number: ActivationBounds = Damage::Parts(|parts| {
        parts.steps[2].operator = Operator::Affine {
            bounds: Bounds { low: 0.0, high: f32::NAN },
        };
    });
    kernel_without_height: KernelZero = Resealed(|file| file[POOL + 24] = 0);
    stride_zero: StrideZero = Resealed(|file| file[POOL + 30] = 0);
    padding_as_large_as_kernel: PaddingTooLarge = Resealed(|file| file[POOL + 36] = 2);
    pool_with_bounds: UnusedField = Resealed(|file| file[POOL + 16] = 1);
    pool_with_encoding: UnusedField = Resealed(|file| file[POOL + 2] = 1);
    pool_with_weights: UnusedField = Resealed(|file| file[POOL + 56] = 4);
    affine_with_groups: UnusedField = Resealed(|file| file[POOL + 64 + 40] = 1);
    step_reserved: UnusedField = Resealed(|file| file[ADD + 44] = 1);
    writes_another_tensor: StepOutput = Damage::Parts(|parts| parts.steps[1].output = 3);
    reads_its_own_output: NotWritten = Damage::Parts(|parts| parts.steps[1].input = 2);
    reads_no_tensor: NotWritten = Damage::Parts(|parts| parts.steps[1].input = u32::MAX);
    adds_what_is_not_written: NotWritten = Resealed(|file| file[ADD + 8] = 4);
    window_larger_than_image: WindowTooLarge = Resealed(|file| file[POOL + 24] = 5);
    output_has_wrong_size: OutputShape = Resealed(|file| file[POOL + 28] = 1);
    pool_changes_channels: OutputShape = Damage::Parts(|parts| parts.tensors[2].shape.channels = 2);
    linear_has_a_map: OutputShape = Damage::Parts(|parts| {
        parts.tensors[5].shape.channels = 1;
        parts.tensors[5].shape.width = 3;
    });
    adds_different_shapes: AddShapes = Resealed(|file| file[ADD + 8] = 0);
    no_groups: Groups = Resealed(|file| file[CONVOLUTION + 40] = 0);
    groups_do_not_divide: Groups = Resealed(|file| file[CONVOLUTION + 40] = 3);
    sparse_matrix_too_wide: SparseColumns = File(|file| {
        let mut network = Network::new([3, 256, 256], 5);
        network.add(Operator::MaxPool { window: WINDOW }, 0, 0, 0.0);
        let linear = |encoding| Operator::Linear { encoding, bounds: Bounds::NONE };
        network.add(linear(Encoding::Dense), 1, 1, 1.0);
        let mut parts = network.parts();
        parts.steps[1].operator = linear(Encoding::Sparse);
        *file = parts.file();
    });
    endless_step: WorkLimit = File(|file| *file = pools(8192, 4096).file());
    endless_sum_of_steps: WorkLimit = File(|file| *file = pools(2048, 900).file());

    weights_leave_section: WeightsBounds =
        Damage::Parts(|parts| parts.steps[4].weights_offset += 4);
    weights_overflow: WeightsBounds = Damage::Parts(|parts| {
        parts.steps[4].weights_offset = u64::MAX;
    });
    affine_too_short: WeightsLength = Damage::Parts(|parts| parts.steps[2].weights_length -= 4);
    dense_too_short: WeightsLength = Damage::Parts(|parts| parts.steps[4].weights_length -= 4);
    sparse_too_short: WeightsLength = Damage::Parts(|parts| parts.steps[0].weights_length -= 4);
    sparse_without_bias: WeightsLength = Damage::Parts(|parts| parts.steps[0].weights_length = 0);
    sparse_stores_too_much: WeightsLength = Damage::Parts(|parts| parts.weights[35] = 0xFF);
    weights_shared: WeightsOffset = Damage::Parts(|parts| parts.steps[2].weights_offset -= 4);
    infinite_bias: NotFinite = Damage::Parts(|parts| set_infinite(&mut parts.weights, 0));
    infinite_sparse_value: NotFinite = Damage::Parts(|parts| {
        let [_, values, _] = sparse_parts(parts);
        set_infinite(&mut parts.weights, values);
    });
    infinite_shift: NotFinite = Damage::Parts(|parts| {
        let at = parts.steps[2].weights_offset as usize + 28;
        set_infinite(&mut parts.weights, at);
    });
    infinite_dense_value: NotFinite = Damage::Parts(|parts| {
        let at = parts.weights.len() - 4;
        set_infinite(&mut parts.weights, at);
    });
    first_row_pointer_not_zero: RowPointers = Damage::Parts(|parts| parts.weights[16] = 1);
    row_pointers_fall: RowPointers = Damage::Parts(|parts| parts.weights[20] = 0xFF);
    column_beyond_matrix: ColumnRange = Damage::Parts(|parts| {
        let [.., columns] = sparse_parts(parts);
        parts.weights[columns] = 18;
    });
    column_twice: ColumnOrder = Damage::Parts(|parts| {
        let [.., columns] = sparse_parts(parts);
        parts.weights[columns + 2] = parts.weights[columns];
    });
    weights_padding: WeightsPadding = Damage::Parts(|parts| {
        let end = parts.steps[0].weights_length as usize;
        parts.weights[end - 1] = 1;
    });
    weights_trailing: WeightsTrailing = Damage::Parts(|parts| parts.weights.push(0));
    scratch_too_large: ScratchSize = Damage::Parts(|parts| parts.header.scratch_bytes += 4);
    scratch_too_small: ScratchSize = Damage::Parts(|parts| parts.header.scratch_bytes -= 4);
    macs_dense_wrong: MacsDense = Damage::Parts(|parts| parts.header.macs_dense += 1);
    macs_effective_wrong: MacsEffective = Damage::Parts(|parts| parts.header.macs_effective += 1);
    output_on_input: OutputOverlapsInput = Damage::Parts(|parts| {
        let mut offsets = offsets(parts);
        offsets[2] = offsets[1];
        parts.place(&offsets);
    });
    output_on_second_input: OutputOverlapsInput = Damage::Parts(|parts| {
        let mut offsets = offsets(parts);
        offsets[4] = offsets[2];
        parts.place(&offsets);
    });
    overwritten_before_it_is_read: Overwritten = Damage::Parts(|parts| {
        // Step 3 adds tensor 3 to itself and writes onto tensor 2, which step 4 then reads.
        let mut offsets = offsets(parts);
        offsets[4] = offsets[2];
        parts.place(&offsets);
        let bounds = Bounds::NONE;
        parts.steps[3].operator = Operator::Add { second: 3, bounds };
        parts.steps[4].input = 2;
    });
    output_overwritten: Overwritten = Damage::Parts(|parts| {
        parts.header.output = 2;
        let mut offsets = offsets(parts);
        offsets[5] = offsets[2];
        parts.place(&offsets);
    });
}

#[test]
fn the_sample_is_valid() {
    Model::parse(&sample().file()).unwrap();
}

#[test]
fn every_kind_has_a_test() {
    for kind in ErrorKind::ALL {
        assert!(EXPECTED.contains(kind), "{kind:?}");
    }
}

fn offsets(parts: &Parts) -> Vec<u32> {
    parts.tensors.iter().map(|tensor| tensor.offset).collect()
}

fn set_infinite(weights: &mut [u8], at: usize) {
    weights[at..at + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
}

/// The sample with a damaged plan.
fn with_plan(damage: fn(&mut Vec<u8>)) -> Vec<u8> {
    let parts = sample();
    let mut plan = parts.plan();
    damage(&mut plan);
    assemble(&[
        (SectionKind::Plan, &plan),
        (SectionKind::Weights, &parts.weights),
    ])
}

/// Two pools of one image with a large kernel.
fn pools(side: u32, kernel: u16) -> Parts {
    let mut network = Network::new([1, 3, 3], 6);
    network.add(Operator::MaxPool { window: WINDOW }, 0, 0, 0.0);
    network.add(Operator::MaxPool { window: WINDOW }, 0, 0, 0.0);
    let mut parts = network.parts();
    let window = Window {
        kernel: [kernel; 2],
        stride: [1; 2],
        padding: [0; 4],
    };
    for step in &mut parts.steps {
        step.operator = Operator::MaxPool { window };
    }
    let output = side + 1 - u32::from(kernel);
    for (tensor, side) in parts.tensors.iter_mut().zip([side, output, output]) {
        (tensor.shape.height, tensor.shape.width) = (side, side);
    }
    parts.place(&[0, side * side, side * side + output * output]);
    parts
}
