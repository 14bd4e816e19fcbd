//! Labelled images: where they come from, how they are kept in memory, how they are split.
//!
//! Every reader checks foreign bytes once and hands out a [`Dataset`], whose accessors cannot fail.
//! Pixels stay unsigned bytes and become `f32` in [0, 1] batch by batch.
//!
//! Non-goals: augmentation, normalisation (part of the network), shuffling (the training loop's).

mod cifar;
mod contents;
mod dataset;
pub mod embedded;
mod error;
mod fashion_mnist;
mod fetch;
pub mod idx;
mod name;
mod source;
mod split;

pub use dataset::Dataset;
pub use error::DataError;
pub use fetch::{Progress, fetch};
pub use name::{DatasetName, default_folder};
pub use source::{DataSource, load};
pub use split::split;
