//! Layers on the runtime: a convolution of one image, or of several that are stacked.
//!
//! A kernel computes whole vectors of positions and reads every weight for each run, which is slow on maps of few positions, and slowest on
//! those of one: linear layers. So images with small maps are stacked on top of each other, far enough apart that no window sees two of
//! them, and computed as one.

use sinew_models::{
    Function, Network, Node, Operator, Parameter, ParameterId, Role, ValueId, Window,
};
use sinew_runtime::{Model, Session};

use crate::pack::{Manifest, PackError, pack};

/// Maps with fewer positions than this are stacked. On 7×7 a kernel has enough to do.
const FEW_POSITIONS: usize = 49;

/// A convolution as the runtime is asked for it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// `[channel, height, width]` of one image.
    pub(super) input: [usize; 3],
    /// `[output channel, input channel / groups, kernel height, kernel width]`.
    pub(super) weights: Vec<f32>,
    /// One per output channel; empty for none.
    pub(super) bias: Vec<f32>,
    pub(super) outputs: usize,
    pub(super) window: Window,
    pub(super) groups: usize,
    /// The clamp that follows.
    pub(super) bounds: Option<(f32, f32)>,
}

impl Request {
    /// The convolution of a larger input as a network.
    fn network(self, input: [usize; 3]) -> Result<Network, PackError> {
        let [kernel_height, kernel_width] = self.window.kernel;
        let depth = self.input[0] / self.groups;
        let shape = vec![self.outputs, depth, kernel_height, kernel_width];
        let weight = Parameter::new("weight".to_owned(), Role::Weight, shape, self.weights);
        let bias = (!self.bias.is_empty()).then(|| {
            let shape = vec![self.outputs];
            Parameter::new("bias".to_owned(), Role::Bias, shape, self.bias)
        });
        let convolution = Operator::Convolution {
            weight: ParameterId(0),
            bias: bias.is_some().then_some(ParameterId(1)),
            window: self.window,
            groups: self.groups,
        };
        let clamp = self.bounds.map(|(low, high)| {
            let bound = |bound: f32| bound.is_finite().then_some(bound);
            let [low, high] = [low, high].map(bound);
            Operator::Unary(Function::Clip { low, high })
        });
        let operators = std::iter::once(convolution).chain(clamp).enumerate();
        let nodes = operators.map(|(index, operator)| Node {
            name: operator.name().to_owned(),
            operator,
            inputs: vec![ValueId(index)],
        });
        let parameters = std::iter::once(weight).chain(bias).collect();
        Network::new(
            "layer".to_owned(),
            input,
            Vec::new(),
            nodes.collect(),
            parameters,
        )
        .map_err(|error| PackError::Node {
            node: error.place,
            problem: error.problem,
        })
    }
}

/// A packed convolution.
#[derive(Debug)]
pub(super) struct Layer {
    /// Number of its file.
    file: usize,
    /// Images that are computed at once.
    pub(super) images: usize,
    /// `[channel, height, width]` of one image.
    input: [usize; 3],
    pub(super) output: [usize; 3],
    /// From one stacked image to the next, in rows of the input and of the output.
    steps: [usize; 2],
    /// Rows of the stack, before and after.
    rows: [usize; 2],
}

impl Layer {
    /// Packs a convolution for parts of `part` images and adds its file to `files`.
    pub(super) fn pack(
        request: Request,
        part: usize,
        files: &mut Vec<Vec<u8>>,
    ) -> Result<Self, PackError> {
        let Request {
            input,
            window,
            outputs,
            ..
        } = request;
        let [channels, height, width] = input;
        let [rows, columns] = window.output_size([height, width]).expect("a window fits");
        let images = if rows * columns < FEW_POSITIONS {
            part
        } else {
            1
        };
        let stride = window.stride[0];
        let extent = window.extent().expect("a window fits")[0];
        let top = window.padding[0];
        // The next image begins below the padding that the last window of this one sees, and above its own.
        let end = ((rows - 1) * stride + extent)
            .saturating_sub(top)
            .max(height);
        let step = end.max(height + top).next_multiple_of(stride);
        let stack = (images - 1) * step + height;
        let network = request.network([channels, stack, width])?;
        let [_, stack_rows, _] = network.shape(network.output()).as_map();
        files.push(pack(&network, &Manifest::new(&network, None))?);
        Ok(Self {
            file: files.len() - 1,
            images,
            input,
            output: [outputs, rows, columns],
            steps: [step, step / stride],
            rows: [stack, stack_rows],
        })
    }

    /// Elements of one image, before and after.
    pub(super) fn elements(&self) -> [usize; 2] {
        [self.input, self.output].map(|shape| shape.iter().product())
    }

    /// Computes up to [`Layer::images`] images.
    pub(super) fn run(
        &self,
        input: &[f32],
        output: &mut [f32],
        kernels: &Kernels<'_>,
        workspace: &mut Workspace,
    ) {
        let model = &kernels.models[self.file];
        let Workspace {
            memory,
            before,
            after,
            ..
        } = workspace;
        memory.resize(kernels.memory, 0);
        let mut session =
            Session::new(model, memory).expect("the memory is as large as any layer's");
        if self.images == 1 {
            session
                .run(input, output)
                .expect("values have their lengths");
            return;
        }
        before.clear();
        before.resize(model.input_len(), 0.0);
        after.resize(model.output_len(), 0.0);
        let [elements, results] = self.elements();
        for (image, input) in input.chunks_exact(elements).enumerate() {
            let pairs = self
                .rows(0, image, before)
                .zip(input.chunks_exact(elements / self.input[0]));
            pairs.for_each(|(stacked, map)| copy(map, stacked));
        }
        session
            .run(before, after)
            .expect("values have their lengths");
        for (image, output) in output.chunks_exact_mut(results).enumerate() {
            let pairs = self
                .rows(1, image, after)
                .zip(output.chunks_exact_mut(results / self.output[0]));
            pairs.for_each(|(stacked, map)| copy(stacked, map));
        }
    }

    /// Each channel of an image in a stack; `side` is 0 before and 1 after.
    fn rows<'s>(
        &self,
        side: usize,
        image: usize,
        stack: &'s mut [f32],
    ) -> impl Iterator<Item = &'s mut [f32]> {
        let [_, height, width] = [self.input, self.output][side];
        let start = image * self.steps[side] * width;
        let channels = stack.chunks_exact_mut(self.rows[side] * width);
        channels.map(move |channel| &mut channel[start..start + height * width])
    }
}

/// Copies a map. Those of linear layers have one element, for which a call would take longest.
fn copy(from: &[f32], to: &mut [f32]) {
    match (from, to) {
        ([from], [to]) => *to = *from,
        (from, to) => to.copy_from_slice(from),
    }
}

/// The packed layers of a program, verified.
#[derive(Debug)]
pub(super) struct Kernels<'p> {
    models: Vec<Model<'p>>,
    /// Bytes that the largest of them runs in.
    memory: usize,
}

impl<'p> Kernels<'p> {
    pub(super) fn new(files: &'p [Vec<u8>]) -> Self {
        let model = |file: &'p Vec<u8>| Model::parse(file).expect("the packer has verified it");
        let models: Vec<Model<'p>> = files.iter().map(model).collect();
        let memory = models.iter().map(Model::arena_bytes).max().unwrap_or(0);
        Self { models, memory }
    }
}

/// Memory of the layers that are computed one after the other.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    memory: Vec<u8>,
    /// A stack of images.
    before: Vec<f32>,
    /// What a layer makes of it.
    after: Vec<f32>,
    /// What a part of a convolution's pullback gives.
    pub(super) phase: Vec<f32>,
}
