//! What is known of Fashion-MNIST: its names, its address, its checksums.
//!
//! 60,000 training and 10,000 test images of clothes, 28×28, grey, as four IDX files. Xiao, Rasul, Vollgraf:
//! *Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms*, arXiv:1708.07747.

pub(super) const NAME: &str = "fashion-mnist";

/// The official address. Plain HTTP: the checksums vouch for the contents.
pub(super) const ADDRESS: &str = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com";

/// Where Debian's package `dataset-fashion-mnist` puts the files.
pub(super) const DEBIAN_FOLDER: &str = "/usr/share/datasets/fashion-mnist";

/// The classes in the order of their labels.
pub(super) const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// A file as published, told by what it contains: gzip may pack the same contents into other bytes.
#[derive(Clone, Copy)]
pub(super) struct PublishedFile {
    pub name: &'static str,
    /// Length of the unpacked contents in bytes.
    pub length: u64,
    /// SHA-256 of the unpacked contents, in hexadecimal digits.
    pub sha256: &'static str,
}

pub(super) const TRAIN_IMAGES: PublishedFile = PublishedFile {
    name: "train-images-idx3-ubyte.gz",
    length: 47_040_016,
    sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
};
pub(super) const TRAIN_LABELS: PublishedFile = PublishedFile {
    name: "train-labels-idx1-ubyte.gz",
    length: 60_008,
    sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
};
pub(super) const TEST_IMAGES: PublishedFile = PublishedFile {
    name: "t10k-images-idx3-ubyte.gz",
    length: 7_840_016,
    sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
};
pub(super) const TEST_LABELS: PublishedFile = PublishedFile {
    name: "t10k-labels-idx1-ubyte.gz",
    length: 10_008,
    sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
};
