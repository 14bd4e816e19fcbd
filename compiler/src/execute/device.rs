//! The device a run computes on: chosen by name, opened once.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// `cpu`, `gpu` or `gpu:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The processor, through burn's pure Rust backend.
    Cpu,
    /// The graphics adapter with this number.
    Gpu(usize),
}

/// A device that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Not a device name.
    #[error("use device \"{0}\": the devices are cpu, gpu and gpu:N")]
    Unknown(String),
    /// The build has no GPU code.
    #[error(
        "use a GPU: this build has no GPU support; build with `cargo build --release -p sinew --features gpu`, or use --device cpu"
    )]
    NotBuilt,
    /// The driver shows no such adapter.
    #[error(
        "use gpu:{0}: no such adapter was found; check that a Vulkan driver is installed (vulkaninfo lists adapters), or use --device cpu"
    )]
    NoAdapter(usize),
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "gpu" => Ok(Self::Gpu(0)),
            Some(("gpu", number)) => number.parse().map(Self::Gpu).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(number) => write!(f, "gpu:{number}"),
        }
    }
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// If the build or the machine has no such device. Nothing falls back to another one silently.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Gpu(number) => open_gpu(number),
        }
    }
}

#[cfg(not(any(feature = "gpu", feature = "gpu-wgsl")))]
fn open_gpu(_number: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt)
}

/// Hardware first; a software driver only with the WGSL build, because burn's SPIR-V crashes inside Mesa's.
#[cfg(any(feature = "gpu", feature = "gpu-wgsl"))]
fn open_gpu(number: usize) -> Result<Device, DeviceError> {
    use burn::tensor::DeviceKind;
    use burn::tensor::wgpu::WgpuBackend;

    let mut kinds = vec![
        DeviceKind::DiscreteGpu(number),
        DeviceKind::IntegratedGpu(number),
        DeviceKind::VirtualGpu(number),
    ];
    if !cfg!(feature = "gpu") {
        kinds.push(DeviceKind::Cpu);
    }
    kinds
        .into_iter()
        .find_map(|kind| {
            Device::wgpu_options()
                .device_kind(kind)
                .graphics_api(WgpuBackend::Vulkan)
                .init()
                .ok()
        })
        .ok_or(DeviceError::NoAdapter(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_alike() {
        for (text, choice) in [("cpu", DeviceChoice::Cpu), ("gpu:3", DeviceChoice::Gpu(3))] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!("gpu".parse(), Ok(DeviceChoice::Gpu(0)));
        for text in ["", "cpu:0", "gpu:", "gpu:x", "cuda"] {
            assert_eq!(
                text.parse::<DeviceChoice>(),
                Err(DeviceError::Unknown(text.to_owned()))
            );
        }
    }

    #[cfg(not(any(feature = "gpu", feature = "gpu-wgsl")))]
    #[test]
    fn a_build_without_gpu_says_how_to_get_one() {
        let error = DeviceChoice::Gpu(0).open().unwrap_err();
        assert!(error.to_string().contains("--features gpu"));
    }
}
