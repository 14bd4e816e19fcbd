#!/usr/bin/env bash
# Proves without a graphics card that the GPU path computes what the CPU path computes: logits, gradients and a short training, on Mesa's
# software Vulkan driver. Outside the gates: the GPU stack compiles for long, and the driver for minutes more.
#
# On Debian: apt-get install mesa-vulkan-drivers libvulkan1. On a machine with a card, run the same test on it with
# `cargo test --release -p sinew --features gpu --test gpu_parity -- --nocapture`.
set -euo pipefail
cd "$(dirname "$0")/.."

driver=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json 2> /dev/null | head -n 1) || true
if [ -z "$driver" ]; then
    echo "gpu-parity: Mesa's software driver is missing; on Debian: apt-get install mesa-vulkan-drivers libvulkan1" >&2
    exit 1
fi
export VK_DRIVER_FILES=$driver VK_ICD_FILENAMES=$driver
# Mesa warns where this is not set.
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$(mktemp -d)}
# Another feature set: in the same folder it would compile the framework anew, and the gates after it once more.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}-gpu-wgsl
# Unoptimised and without symbols: compiling is what takes the time here, not running.
export CARGO_PROFILE_DEV_DEBUG=0

exec cargo test --locked -p sinew --features gpu-wgsl --test gpu_parity -- --nocapture
