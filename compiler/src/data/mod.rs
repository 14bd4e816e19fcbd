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
mod image_file;
mod image_folder;
mod image_settings;
mod name;
mod source;
mod split;

pub use dataset::Dataset;
pub use error::DataError;
pub use fetch::{Progress, fetch};
pub use image_file::read_picture;
pub use image_folder::ImageFolder;
pub use image_settings::{Colour, ImageSettings, Resize};
pub use name::{DatasetName, default_folder};
pub use source::{DataSource, load, load_test};
pub use split::split;
