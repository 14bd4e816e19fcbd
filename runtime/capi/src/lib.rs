//! The C interface, as `include/sinew.h` documents it: null pointers and wrong lengths become status
//! codes, and the runtime does the rest. It has no features that the Rust interface lacks.
//!
//! No panic crosses the border: nothing that is called here panics, and if it did, `extern "C"` would
//! end the process.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::slice;

use sinew_runtime::{Model, RunError, Session};

/// What a function answers: `sinew_status` in the header.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All went well.
    Ok = 0,
    /// A pointer is null.
    NullPointer = 1,
    /// The bytes are not a valid model.
    Malformed = 2,
    /// The model has not been parsed successfully.
    NoModel = 3,
    /// The arena is smaller than `sinew_model_arena_bytes`.
    ArenaTooSmall = 4,
    /// The input's length is not the product of `sinew_model_input_shape`.
    InputLength = 5,
    /// The output's length is not `sinew_model_output_len`.
    OutputLength = 6,
}

/// A parsed model, or none: `sinew_model` in the header, which is storage of the size below.
pub struct SinewModel(Option<Model<'static>>);

/// `uint64_t opaque[24]`.
const _: () = assert!(size_of::<SinewModel>() <= size_of::<[u64; 24]>());
const _: () = assert!(align_of::<SinewModel>() <= align_of::<u64>());

/// Verifies a file and fills `model`.
///
/// # Safety
///
/// `bytes` is null or points to `length` bytes that stay unchanged while the model is used; `model` is
/// null or points to storage for a model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sinew_model_parse(
    bytes: *const u8,
    length: usize,
    model: *mut SinewModel,
) -> Status {
    if model.is_null() || bytes.is_null() {
        return Status::NullPointer;
    }
    // SAFETY: neither is null, and the caller vouches for what they point to; `write` does not read the
    // storage, which need not be initialised.
    let parsed = unsafe {
        let parsed = Model::parse(slice::from_raw_parts(bytes, length)).ok();
        model.write(SinewModel(parsed));
        parsed
    };
    match parsed {
        Some(_) => Status::Ok,
        None => Status::Malformed,
    }
}

/// The bytes of memory that `sinew_run` needs.
///
/// # Safety
///
/// `model` is null or was filled by `sinew_model_parse`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sinew_model_arena_bytes(model: *const SinewModel) -> usize {
    // SAFETY: the caller's promise is the same.
    unsafe { borrow(model) }.map_or(0, |model| model.arena_bytes())
}

/// Writes channels, height and width of the input to `shape`.
///
/// # Safety
///
/// `model` is null or was filled by `sinew_model_parse`; `shape` is null or has room for three numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sinew_model_input_shape(
    model: *const SinewModel,
    shape: *mut [usize; 3],
) -> Status {
    if shape.is_null() {
        return Status::NullPointer;
    }
    // SAFETY: the caller's promise is the same; `shape` is not null and has room.
    unsafe {
        match borrow(model) {
            Ok(model) => {
                shape.write(model.input_shape());
                Status::Ok
            }
            Err(status) => status,
        }
    }
}

/// The number of values in the output.
///
/// # Safety
///
/// `model` is null or was filled by `sinew_model_parse`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sinew_model_output_len(model: *const SinewModel) -> usize {
    // SAFETY: the caller's promise is the same.
    unsafe { borrow(model) }.map_or(0, |model| model.output_len())
}

/// Computes one output from one input.
///
/// # Safety
///
/// `model` is null or was filled by `sinew_model_parse`; the other pointers are null or point to as
/// many bytes or values as their lengths say, and none of them overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sinew_run(
    model: *const SinewModel,
    arena: *mut c_void,
    arena_length: usize,
    input: *const f32,
    input_length: usize,
    output: *mut f32,
    output_length: usize,
) -> Status {
    if arena.is_null() || input.is_null() || output.is_null() {
        return Status::NullPointer;
    }
    // SAFETY: the caller's promise is the same.
    let model = match unsafe { borrow(model) } {
        Ok(model) => model,
        Err(status) => return status,
    };
    // SAFETY: none is null, and the caller vouches for lengths and for their being apart.
    let (arena, input, output) = unsafe {
        (
            slice::from_raw_parts_mut(arena.cast(), arena_length),
            slice::from_raw_parts(input, input_length),
            slice::from_raw_parts_mut(output, output_length),
        )
    };
    let result = Session::new(model, arena).and_then(|mut session| session.run(input, output));
    match result {
        Ok(()) => Status::Ok,
        Err(RunError::ArenaTooSmall { .. }) => Status::ArenaTooSmall,
        Err(RunError::InputLength { .. }) => Status::InputLength,
        Err(RunError::OutputLength { .. }) => Status::OutputLength,
    }
}

/// Says what a status means. Takes a number, because C may pass one that is no status.
#[unsafe(no_mangle)]
pub extern "C" fn sinew_status_message(status: c_int) -> *const c_char {
    message(status).as_ptr()
}

fn message(status: c_int) -> &'static CStr {
    match status {
        0 => c"no error",
        1 => c"a pointer is null",
        2 => c"the bytes are not a valid model; `sinew inspect` says what is wrong with a file",
        3 => c"the model has not been parsed successfully",
        4 => c"the arena is smaller than sinew_model_arena_bytes says",
        5 => c"the input's length is not the product of sinew_model_input_shape",
        6 => c"the output's length is not sinew_model_output_len",
        _ => c"this is not a status",
    }
}

/// The model behind a pointer from C.
///
/// # Safety
///
/// `model` is null or was filled by [`sinew_model_parse`].
unsafe fn borrow<'a>(model: *const SinewModel) -> Result<&'a Model<'static>, Status> {
    // SAFETY: the caller vouches for what a pointer that is not null points to.
    let model = unsafe { model.as_ref() }.ok_or(Status::NullPointer)?;
    model.0.as_ref().ok_or(Status::NoModel)
}
