//! What others may know of a network: its logits, and where they are to be had, its gradients.
//!
//! Everything goes as plain slices on the host. So one attack serves training, evaluation, the packed model and a user's own code; what a
//! device pays for the copies is small beside its forward pass. Non-goals: how any of this is computed.

/// A network that did not answer.
#[derive(Debug, thiserror::Error)]
#[error("compute the network: {0}")]
pub struct ComputeError(pub String);

/// A network as an attacker without gradients sees it.
///
/// Images are `[batch, channel, height, width]` in [0, 1], flattened; logits are `[batch, class]`, flattened.
pub trait Classifier {
    /// `[channel, height, width]` of one image.
    fn input_shape(&self) -> [usize; 3];

    /// Number of logits per image.
    fn classes(&self) -> usize;

    /// Logits of a batch of images.
    ///
    /// # Errors
    /// What the device reports.
    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError>;
}

/// A network as a white-box attacker sees it.
pub trait Differentiable: Classifier {
    /// The cross-entropy of every image and its gradient with respect to that image.
    ///
    /// # Errors
    /// What the device reports.
    fn gradient(&self, images: &[f32], labels: &[usize]) -> Result<Gradient, ComputeError>;
}

/// What one backward pass tells.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// Cross-entropy of each image.
    pub losses: Vec<f32>,
    /// ∂loss/∂pixel of each image: `[batch, channel, height, width]`, flattened.
    pub pixels: Vec<f32>,
}
