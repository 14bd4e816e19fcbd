//! Fixed-size fields of records, by byte position.

/// The `N` bytes at `at`. Positions are constants of the layout, inside every record they are used on.
pub fn read<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&record[at..at + N]);
    field
}

/// Puts `field` at `at`.
pub fn write<const N: usize>(record: &mut [u8], at: usize, field: [u8; N]) {
    record[at..at + N].copy_from_slice(&field);
}

/// The position of the first byte at or after `from` that is not zero.
pub fn first_nonzero(record: &[u8], from: usize) -> Option<usize> {
    record[from..]
        .iter()
        .position(|&byte| byte != 0)
        .map(|at| from + at)
}
