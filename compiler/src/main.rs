//! The `sinew` command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_freed_memory();
    sinew::cli::main()
}

/// Training allocates and frees the same large blocks at every step. By default glibc gives each back to the kernel and faults it in
/// again, which costs a seventh of a run's time.
fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    {
        const BYTES: libc::c_int = 1 << 30;
        // SAFETY: no other thread exists yet, and both parameters take any value.
        unsafe {
            libc::mallopt(libc::M_TRIM_THRESHOLD, BYTES);
            libc::mallopt(libc::M_MMAP_THRESHOLD, BYTES);
        }
    }
}
