//! What the tests of the whole workspace share: the built program, networks of the zoo with random contents, networks of
//! every operator, picture files, wheels.
//!
//! Non-goals: helpers that only one test needs, and anything from the compiler's library, so that the tests of the program link without it.

pub mod network;
pub mod picture;
pub mod program;
pub mod random_network;
pub mod wheel;
