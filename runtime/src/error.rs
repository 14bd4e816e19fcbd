//! What can be wrong with a file ([`Error`]) and with a call ([`RunError`]).
//!
//! Messages are lowercase fragments that finish a sentence such as "failed to load model.sinew: …".

use core::fmt;

/// Why a file was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// The way in which the file is wrong.
    pub kind: ErrorKind,
    /// The byte of the file at which this was seen. Where the record types of [`crate::format`] return
    /// an error themselves, it counts from the start of the record.
    pub offset: u64,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, offset: usize) -> Self {
        Self {
            kind,
            offset: offset as u64,
        }
    }

    /// The same error inside something that starts at byte `base`.
    pub(crate) fn inside(self, base: usize) -> Self {
        Self {
            offset: self.offset + base as u64,
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (at byte {})", self.kind, self.offset)
    }
}

impl core::error::Error for Error {}

/// Defines [`ErrorKind`] so that each way has its message, which is its documentation, once.
macro_rules! error_kinds {
    ($($name:ident: $message:literal,)*) => {
        /// The ways in which a file can be wrong, in the order in which the verifier looks for them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $(#[doc = $message] $name,)*
        }

        impl ErrorKind {
            /// Every kind, so that a test can show that each has a file that causes it.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }

        impl fmt::Display for ErrorKind {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self {
                    $(Self::$name => $message,)*
                })
            }
        }
    };
}

error_kinds! {
    TextModeDamage: "a transfer in text mode has damaged the file",
    NotSinew: "this is not a Sinew file",
    Truncated: "the file ends inside its header or section table",
    HeaderChecksum: "the header's checksum does not match",
    UnsupportedVersion: "the file's version is not supported",
    HeaderReserved: "a reserved byte of the header is not zero",
    FileLength: "the file is longer or shorter than its header says",
    SectionCount: "the number of sections is not possible",
    TableChecksum: "the section table's checksum does not match",
    SectionKind: "a section is of an unknown kind",
    SectionReserved: "a reserved byte of a section entry is not zero",
    SectionOrder: "section kinds do not rise",
    SectionOffset: "a section does not start where the one before it ends",
    SectionBounds: "a section leaves the file",
    SectionPadding: "a padding byte between sections is not zero",
    SectionChecksum: "a section's checksum does not match",
    SectionMissing: "the plan or the weights are missing",
    TrailingBytes: "bytes follow the last section",
    PlanLength: "the plan's length does not match its counts",
    PlanReserved: "a reserved byte of the plan header is not zero",
    StepCount: "the number of steps is zero or beyond the limit",
    TensorCount: "the number of tensors is not the number of steps plus one",
    InputTensor: "the input is not tensor 0",
    OutputTensor: "the output is not a tensor of the plan",
    MemoryLimit: "arena and scratch together are beyond the limit",
    Dimension: "a tensor's dimension is zero",
    TensorOutsideArena: "a tensor leaves the arena",
    ArenaSlack: "the arena is larger than its tensors need",
    UnknownOperator: "a step's operator is unknown",
    UnknownEncoding: "a step's weight encoding is unknown",
    UnknownFunction: "a step's function is unknown",
    FunctionConstant: "a constant of a step's function is infinite or not a number",
    Flag: "a flag is neither zero nor one",
    ActivationBounds: "activation bounds are not ordered numbers",
    KernelZero: "a window's kernel has a side of zero",
    StrideZero: "a window's stride is zero",
    DilationZero: "a window's dilation is zero",
    PaddingTooLarge: "a window's padding is not smaller than what its kernel spans",
    UnusedField: "a field that the operator does not use is not zero",
    StepOutput: "a step does not write the tensor that is its own",
    NotWritten: "a step reads a tensor that nothing has written before it",
    WindowTooLarge: "a window is larger than the padded image",
    OutputShape: "an output's shape does not follow from operator and input",
    EmptyWindow: "a window of a pool has no tap inside the image",
    View: "a tensor has not as many values as the step's view of it",
    IndexRange: "an axis is too long for the index of its largest value to be exact",
    Groups: "groups are zero or do not divide the channels",
    SparseColumns: "a sparse matrix has more columns than an index can name",
    WorkLimit: "the computation is beyond the limit",
    WeightsBounds: "a step's weights leave their section",
    WeightsLength: "a step's weights have the wrong length",
    WeightsOffset: "a step's weights do not start where those before it end",
    NotFinite: "a weight is infinite or not a number",
    GatherIndex: "a gather index is beyond its axis",
    RowPointers: "row pointers do not rise from zero",
    ColumnRange: "a column index is beyond the matrix",
    ColumnOrder: "column indices do not rise within a row",
    WeightsPadding: "a padding byte in the weights is not zero",
    WeightsTrailing: "bytes follow the last weights",
    ScratchSize: "the declared scratch is not what the steps need",
    MacsDense: "the declared dense multiply-accumulates are wrong",
    MacsEffective: "the declared effective multiply-accumulates are wrong",
    OutputOverlapsInput: "a step's output overlaps what it reads",
    Overwritten: "a tensor is overwritten before it is read",
}

/// Why a session could not be made or run. Lengths of the arena are in bytes, others in values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunError {
    /// The arena is smaller than [`crate::Model::arena_bytes`].
    ArenaTooSmall {
        /// What the model needs.
        needed: usize,
        /// What was given.
        given: usize,
    },
    /// The input's length is not the product of [`crate::Model::input_shape`].
    InputLength {
        /// What the model takes.
        needed: usize,
        /// What was given.
        given: usize,
    },
    /// The output's length is not [`crate::Model::output_len`].
    OutputLength {
        /// What the model gives.
        needed: usize,
        /// What was given.
        given: usize,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArenaTooSmall { needed, given } => {
                write!(
                    formatter,
                    "the arena has {given} bytes, the model needs {needed}"
                )
            }
            Self::InputLength { needed, given } => {
                write!(
                    formatter,
                    "the input has {given} values, the model takes {needed}"
                )
            }
            Self::OutputLength { needed, given } => {
                write!(
                    formatter,
                    "the output has room for {given} values, the model gives {needed}"
                )
            }
        }
    }
}

impl core::error::Error for RunError {}
