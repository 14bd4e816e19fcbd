//! One test for every way in which a file can be malformed: each takes a valid file, does one kind of
//! damage to it, and expects the verifier to name that kind.

mod support;

use sinew_runtime::format::{
    BinaryFunction, Bounds, Encoding, Function, MAX_EXACT_INDEX, MAX_MEMORY_BYTES, MAX_STEPS,
    Operator, Reduction, SectionKind, Window,
};
use sinew_runtime::{ErrorKind, Model};
use support::sample::{flat_sample, view};
use support::{Network, Parts, assemble, reseal};

const WINDOW: Window = Window {
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1; 4],
    dilation: [1; 2],
};
/// Where the plan of a sample starts: header and three section entries end at 160.
const PLAN: usize = 192;
/// Where the steps of `sample` start: six tensors follow the plan header.
const STEPS: usize = PLAN + 64 + 6 * 16;
const CONVOLUTION: usize = STEPS;
const POOL: usize = STEPS + 64;
const BINARY: usize = STEPS + 3 * 64;
/// Where the steps of `views` start: ten tensors follow the plan header.
const VIEWS: usize = PLAN + 64 + 10 * 16;
const UNARY: usize = VIEWS;
const CONSTANT: usize = VIEWS + 64;
const SUBTRACT: usize = VIEWS + 2 * 64;
const REDUCE: usize = VIEWS + 6 * 64;
const SOFTMAX: usize = VIEWS + 7 * 64;

/// A file with every kind of matrix: sparse convolution, max pool, affine, sum of two, dense linear.
fn sample() -> Parts {
    let mut network = Network::new([2, 4, 4], 4);
    let bounds = Bounds::RELU;
    let convolution = Operator::Convolution {
        encoding: Encoding::Sparse,
        bounds,
        window: WINDOW,
        groups: 1,
    };
    let map = network.add(convolution, &[0], 4, 0.5);
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
            dilation: [1; 2],
        },
    };
    let pooled = network.add(pool, &[map], 0, 0.0);
    let scaled = network.add(Operator::Affine { bounds }, &[pooled], 0, 0.0);
    let add = Operator::Binary {
        function: BinaryFunction::Add,
        view: view(1, 1, 16),
        reversed: false,
        bounds,
    };
    let sum = network.add(add, &[scaled, pooled], 0, 0.0);
    let linear = Operator::Linear {
        encoding: Encoding::Dense,
        bounds: Bounds::NONE,
    };
    network.add(linear, &[sum], 3, 1.0);
    network.parts()
}

/// A file with every operator that has a view of its own.
fn views() -> Parts {
    flat_sample().parts()
}

/// Where the parts of the convolution's blob start: row pointers, values and columns.
fn sparse_parts(parts: &Parts) -> [usize; 3] {
    let stored = u32::from_le_bytes(parts.weights[32..36].try_into().unwrap()) as usize;
    [16, 36, 36 + 4 * stored]
}

/// What is done to a sample.
enum Damage {
    /// To the finished file.
    File(fn(&mut Vec<u8>)),
    /// To the finished file, whose checksums are then made right again.
    Resealed(fn(&mut Vec<u8>)),
    /// Before the file is put together.
    Parts(fn(&mut Parts)),
    /// A step gets another operator.
    Step(usize, Operator),
}
use Damage::{File, Resealed, Step};

/// The first step of `views` gets another function.
fn unary_of(function: Function) -> Damage {
    let bounds = Bounds::NONE;
    Step(0, Operator::Unary { function, bounds })
}

fn kind_of(mut parts: Parts, damage: Damage) -> Option<ErrorKind> {
    match damage {
        Damage::Parts(damage) => damage(&mut parts),
        Step(step, operator) => parts.steps[step].operator = operator,
        File(_) | Resealed(_) => {}
    }
    let mut file = parts.file();
    match damage {
        File(damage) => damage(&mut file),
        Resealed(damage) => {
            damage(&mut file);
            reseal(&mut file);
        }
        Damage::Parts(_) | Step(..) => {}
    }
    Model::parse(&file).err().map(|error| {
        assert!(error.offset <= file.len() as u64, "{error}");
        error.kind
    })
}

/// Defines a test for each line, in which the sample is damaged, and the list of kinds that they expect.
macro_rules! malformed {
    ($sample:ident, $expected:ident; $($name:ident: $kind:ident = $damage:expr;)*) => {
        $(#[test]
        fn $name() {
            assert_eq!(kind_of($sample(), $damage), Some(ErrorKind::$kind));
        })*

        const $expected: &[ErrorKind] = &[$(ErrorKind::$kind),*];
    };
}

malformed! { sample, EXPECTED_OF_SAMPLE;
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
    tensor_leaves_arena: TensorOutsideArena = Damage::Parts(|parts| parts.tensors[5].offset += 1);
    tensor_far_outside: TensorOutsideArena =
        Damage::Parts(|parts| parts.tensors[5].offset = u32::MAX);
    tensor_beyond_all_numbers: TensorOutsideArena = Damage::Parts(|parts| {
        let shape = &mut parts.tensors[1].shape;
        (shape.channels, shape.height, shape.width) = (u32::MAX, u32::MAX, u32::MAX);
    });
    tensor_as_long_as_numbers_in_bytes: TensorOutsideArena = Damage::Parts(|parts| {
        // 2⁶² values: in bytes, zero modulo 2⁶⁴.
        parts.tensors[0].offset = 0;
        let shape = &mut parts.tensors[0].shape;
        (shape.channels, shape.height, shape.width) = (1 << 31, 1 << 31, 1);
    });
    arena_slack: ArenaSlack = Damage::Parts(|parts| parts.header.arena_bytes += 1);

    unknown_operator: UnknownOperator = Resealed(|file| file[POOL] = 15);
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
    dilation_zero: DilationZero = Resealed(|file| file[POOL + 46] = 0);
    padding_as_large_as_kernel: PaddingTooLarge = Resealed(|file| file[POOL + 36] = 2);
    padding_on_the_left_as_large_as_kernel: PaddingTooLarge = Resealed(|file| file[POOL + 34] = 2);
    padding_on_the_right_as_large_as_kernel: PaddingTooLarge = Resealed(|file| file[POOL + 38] = 2);
    padding_as_large_as_dilated_kernel: PaddingTooLarge = Resealed(|file| {
        file[POOL + 36] = 3;
        file[POOL + 44] = 2;
    });
    pool_with_bounds: UnusedField = Resealed(|file| file[POOL + 16] = 1);
    pool_with_encoding: UnusedField = Resealed(|file| file[POOL + 2] = 1);
    pool_with_weights: UnusedField = Resealed(|file| file[POOL + 56] = 4);
    affine_with_groups: UnusedField = Resealed(|file| file[POOL + 64 + 40] = 1);
    sum_with_window: UnusedField = Resealed(|file| file[BINARY + 44] = 1);
    pool_with_second_input: UnusedField = Resealed(|file| file[POOL + 8] = 1);
    writes_another_tensor: StepOutput = Damage::Parts(|parts| parts.steps[1].output = 3);
    reads_its_own_output: NotWritten = Damage::Parts(|parts| parts.steps[1].inputs[0] = 2);
    reads_no_tensor: NotWritten = Damage::Parts(|parts| parts.steps[1].inputs[0] = u32::MAX);
    adds_what_is_not_written: NotWritten = Resealed(|file| file[BINARY + 8] = 4);
    window_larger_than_image: WindowTooLarge = Resealed(|file| file[POOL + 24] = 5);
    output_has_wrong_size: OutputShape = Resealed(|file| file[POOL + 28] = 1);
    pool_changes_channels: OutputShape = Damage::Parts(|parts| parts.tensors[2].shape.channels = 2);
    affine_changes_the_shape: OutputShape = Damage::Parts(|parts| {
        let shape = &mut parts.tensors[3].shape;
        (shape.channels, shape.height) = (shape.height, shape.channels);
    });
    linear_has_a_map: OutputShape = Damage::Parts(|parts| {
        parts.tensors[5].shape.channels = 1;
        parts.tensors[5].shape.width = 3;
    });
    adds_tensors_of_other_lengths: View = Resealed(|file| file[BINARY + 8] = 0);
    dilated_window_larger_than_image: WindowTooLarge = Resealed(|file| file[POOL + 44] = 4);
    window_of_a_pool_between_its_taps: EmptyWindow = Damage::Parts(|parts| {
        // Of rows with taps six before and four behind the first row of an image of four.
        let window = Window {
            kernel: [2, 2],
            stride: [2, 2],
            padding: [6, 0, 1, 0],
            dilation: [10, 1],
        };
        parts.steps[1].operator = Operator::MaxPool { window };
        parts.tensors[2].shape.height = 1;
    });
    no_groups: Groups = Resealed(|file| file[CONVOLUTION + 40] = 0);
    groups_do_not_divide: Groups = Resealed(|file| file[CONVOLUTION + 40] = 3);
    sparse_matrix_too_wide: SparseColumns = File(|file| {
        let mut network = Network::new([3, 256, 256], 5);
        network.add(Operator::MaxPool { window: WINDOW }, &[0], 0, 0.0);
        let linear = |encoding| Operator::Linear { encoding, bounds: Bounds::NONE };
        network.add(linear(Encoding::Dense), &[1], 1, 1.0);
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
        parts.steps[3].inputs[1] = 3;
        parts.steps[4].inputs[0] = 2;
    });
    output_overwritten: Overwritten = Damage::Parts(|parts| {
        parts.header.output = 2;
        let mut offsets = offsets(parts);
        offsets[5] = offsets[2];
        parts.place(&offsets);
    });
}

malformed! { views, EXPECTED_OF_VIEWS;
    function_zero: UnknownFunction = Resealed(|file| file[UNARY + 2] = 0);
    unknown_function: UnknownFunction = Resealed(|file| file[UNARY + 2] = 17);
    unknown_function_of_two: UnknownFunction = Resealed(|file| file[SUBTRACT + 2] = 10);
    unknown_reduction: UnknownFunction = Resealed(|file| file[REDUCE + 2] = 7);
    infinite_factor: FunctionConstant = unary_of(Function::Affine { scale: f32::INFINITY, shift: 0.0 });
    shift_not_a_number: FunctionConstant = unary_of(Function::Affine { scale: 0.0, shift: f32::NAN });
    infinite_slope: FunctionConstant = unary_of(Function::LeakyRelu { slope: f32::NEG_INFINITY });
    infinite_limit: FunctionConstant = unary_of(Function::Elu { alpha: f32::INFINITY });
    exponent_not_a_number: FunctionConstant = unary_of(Function::Power { exponent: f32::NAN });
    infinite_fill: FunctionConstant = Step(3, Operator::Gather { view: view(2, 3, 4), count: 2, fill: f32::INFINITY });
    neither_reversed_nor_not: Flag = Resealed(|file| file[SUBTRACT + 36] = 2);
    unary_bounds_in_wrong_order: ActivationBounds = Step(0, Operator::Unary {
        function: Function::Abs,
        bounds: Bounds { low: 1.0, high: 0.0 },
    });
    function_with_a_constant_too_many: UnusedField = Resealed(|file| file[UNARY + 28] = 1);
    unary_with_weights: UnusedField = Resealed(|file| file[UNARY + 56] = 4);
    constant_with_an_input: UnusedField = Resealed(|file| file[CONSTANT + 4] = 1);
    softmax_with_a_function: UnusedField = Resealed(|file| file[SOFTMAX + 2] = 1);
    softmax_with_bounds: UnusedField = Resealed(|file| file[SOFTMAX + 16] = 1);
    unary_changes_the_length: View = Damage::Parts(|parts| parts.tensors[1].shape.width = 3);
    view_without_values: View = Resealed(|file| file[SOFTMAX + 32] = 0);
    view_beyond_all_numbers: View = Resealed(|file| file[SOFTMAX + 24..][..12].fill(0xFF));
    binary_view_of_another_length: View = Resealed(|file| file[SUBTRACT + 28] = 5);
    binary_partner_of_another_length: View = Step(2, Operator::Binary {
        function: BinaryFunction::Add,
        view: view(1, 3, 8),
        reversed: false,
        bounds: Bounds::NONE,
    });
    concat_first_of_another_length: View = Step(4, Operator::Concat { view: view(2, 2, 4), second_axis: 3 });
    concat_second_of_another_length: View = Step(4, Operator::Concat { view: view(2, 3, 4), second_axis: 3 });
    concat_output_of_another_length: View = Damage::Parts(|parts| parts.tensors[5].shape.channels = 39);
    gather_input_of_another_length: View = Step(3, Operator::Gather { view: view(2, 2, 4), count: 2, fill: 0.0 });
    gather_output_of_another_length: View = Step(3, Operator::Gather { view: view(2, 3, 4), count: 1, fill: 0.0 });
    swap_of_another_length: View = Step(5, Operator::Swap { outer: 2, rows: 5, columns: 4, inner: 2 });
    swap_output_of_another_length: View = Damage::Parts(|parts| parts.tensors[6].shape.channels = 39);
    reduce_input_of_another_length: View = Step(6, Operator::Reduce { reduction: Reduction::Sum, view: view(2, 3, 5) });
    reduce_output_of_another_length: View = Step(6, Operator::Reduce { reduction: Reduction::Sum, view: view(2, 5, 4) });
    softmax_output_of_another_length: View = Damage::Parts(|parts| parts.tensors[8].shape.channels = 9);
    product_of_another_batch: View = Step(8, Operator::MatMul { batch: 4, rows: 1, depth: 5, columns: 2 });
    product_of_another_depth: View = Step(8, Operator::MatMul { batch: 2, rows: 1, depth: 4, columns: 4 });
    product_of_other_columns: View = Step(8, Operator::MatMul { batch: 2, rows: 1, depth: 5, columns: 3 });
    product_of_another_length: View = Damage::Parts(|parts| {
        parts.tensors[9].shape.channels = 7;
        parts.place(&offsets(parts));
    });
    index_not_exact: IndexRange = File(|file| {
        let mut network = Network::new([MAX_EXACT_INDEX + 1, 1, 1], 8);
        let view = view(1, MAX_EXACT_INDEX + 1, 1);
        let reduce = |reduction| Operator::Reduce { reduction, view };
        network.add(reduce(Reduction::Sum), &[0], 0, 0.0);
        let mut parts = network.parts();
        parts.steps[0].operator = reduce(Reduction::ArgMaximum);
        *file = parts.file();
    });
    endless_functions: WorkLimit = File(|file| {
        // 2³³ each, 129 times, in turns in the two halves of the arena.
        let softmax = |values| Operator::Softmax { view: view(1, values, 1) };
        let mut network = Network::new([1, 1, 1], 9);
        for _ in 0..129 {
            network.add(softmax(1), &[network.layers.len()], 0, 0.0);
        }
        let mut parts = network.parts();
        let values = 1 << 27;
        for step in &mut parts.steps {
            step.operator = softmax(values);
        }
        for tensor in &mut parts.tensors {
            tensor.shape.channels = values;
        }
        let offsets: Vec<u32> = (0..130).map(|tensor| tensor % 2 * values).collect();
        parts.place(&offsets);
        *file = parts.file();
    });
    constant_too_short: WeightsLength = Damage::Parts(|parts| parts.steps[1].weights_length -= 4);
    gather_too_long: WeightsLength = Damage::Parts(|parts| {
        parts.steps[3].weights_length += 4;
        parts.weights.extend([0; 4]);
    });
    infinite_constant: NotFinite = Damage::Parts(|parts| set_infinite(&mut parts.weights, 20));
    index_beyond_axis: GatherIndex = Damage::Parts(|parts| parts.weights[28..32].copy_from_slice(&[3, 0, 0, 0]));
    output_on_second_view: OutputOverlapsInput = Damage::Parts(|parts| {
        let mut offsets = offsets(parts);
        offsets[3] = offsets[2];
        parts.place(&offsets);
    });
    constant_on_what_is_still_read: Overwritten = Damage::Parts(|parts| {
        let mut offsets = offsets(parts);
        offsets[2] = offsets[1];
        parts.place(&offsets);
    });
}

#[test]
fn the_samples_are_valid() {
    Model::parse(&sample().file()).unwrap();
    Model::parse(&views().file()).unwrap();
}

#[test]
fn every_kind_has_a_test() {
    for kind in ErrorKind::ALL {
        let mut expected = EXPECTED_OF_SAMPLE.iter().chain(EXPECTED_OF_VIEWS);
        assert!(expected.any(|other| other == kind), "{kind:?}");
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
    network.add(Operator::MaxPool { window: WINDOW }, &[0], 0, 0.0);
    network.add(Operator::MaxPool { window: WINDOW }, &[0], 0, 0.0);
    let mut parts = network.parts();
    let window = Window {
        kernel: [kernel; 2],
        stride: [1; 2],
        padding: [0; 4],
        dilation: [1; 2],
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
