#!/usr/bin/env python3
"""Compares exported networks on other engines with the reference execution.

    tests/parity/check_export.py [FOLDER]

writes networks of every operator, random ones and those of the zoo as ONNX files (in FOLDER, or somewhere temporary), checks each with
the ONNX project's own checker, runs it on ONNX Runtime, OpenVINO and tract, and compares the results with the reference's. Prints a table
and ends with 1 if anything differs, or is refused that was not known to be. Needs the network once: the engines are installed into a
virtual environment in the user's cache.
"""

import collections
import contextlib
import pathlib
import sys
import tempfile

from environment import PARITY, cargo, enter

PACKAGES = ["numpy==2.4.6", "onnx==1.22.0", "onnxruntime==1.32.0", "openvino==2026.4.1"]

# Largest difference, relative to the largest number of the result. The engines compute in float32.
TOLERANCE = 1e-4

# Standard graphs that an engine gets wrong, or refuses, in the version above. Each was reduced to two or three nodes.
CHANNELWISE = "a batch norm of a product of values with four axes is applied along the wrong axis"
STRIDES = "the stride of a padded 1x1 convolution is moved in front of it"
SPARSE = "sparse constants are not supported"
KNOWN = {
    "OpenVINO": {
        "random-8": CHANNELWISE,
        "random-96": STRIDES,
        "random-135": CHANNELWISE,
        "random-176": CHANNELWISE,
        "random-195": CHANNELWISE,
    },
    "tract": {
        f"zoo-{network}-{channels}-pruned-sparse": SPARSE
        for network in ["small_cnn", "conv_cnn", "resnet8", "resnet18", "vgg16", "mobilenetv2"]
        for channels in [1, 3]
    },
}


def main():
    enter(PACKAGES)
    with contextlib.ExitStack() as stack:
        folder = sys.argv[1] if sys.argv[1:] else stack.enter_context(tempfile.TemporaryDirectory())
        folder = pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        cargo(["test", "-p", "sinew-tests", "--test", "onnx", "--", "--ignored", "write_exported_networks"], EXPORT_FOLDER=folder.resolve())
        return compare(folder)


def check(path, images):
    """The ONNX project's checker, with its shape inference; it computes nothing."""
    import onnx

    onnx.checker.check_model(path, full_check=True)


def onnx_runtime(path, images):
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})[0]


def openvino(path, images):
    import openvino

    # Engines may compute in less than float32 where they think that it is faster.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(path, "CPU", exact)
    return model(images)[0]


ENGINES = {"checker": check, "ONNX Runtime": onnx_runtime, "OpenVINO": openvino}


def compare(folder):
    """Runs every file on every engine; whether anything unexpected came out."""
    import numpy

    manifest = PARITY / "tract" / "Cargo.toml"
    lines = cargo(["run", "--quiet", "--manifest-path", manifest, folder.resolve()]).splitlines()
    refused_by_tract = dict(line.split("\t", 1) for line in lines)

    def tract(path, images):
        if path.stem in refused_by_tract:
            raise RuntimeError(refused_by_tract[path.stem])
        return numpy.load(path.with_suffix(".tract.npy"))

    failures = 0
    for engine, run in {**ENGINES, "tract": tract}.items():
        known = dict(KNOWN.get(engine, {}))
        counts, worst, problems = collections.Counter(), {}, {}
        for path in sorted(folder.glob("*.onnx")):
            kind = path.stem.split("-")[0]
            counts[kind] += 1
            try:
                result = run(path, numpy.load(path.with_suffix(".input.npy")))
            except Exception as error:
                problems[path.stem] = "refused: " + " ".join(str(error).split())[-300:]
                continue
            if result is None:
                continue
            difference = relative_difference(result, numpy.load(path.with_suffix(".output.npy")))
            if difference <= TOLERANCE:
                worst[kind] = max(worst.get(kind, (0.0, "")), (difference, path.stem))
            else:
                problems[path.stem] = f"differs by {difference:.1e}"
        print(f"{engine}: {sum(counts.values()) - len(problems)} of {sum(counts.values())} files")
        for kind, (difference, name) in worst.items():
            print(f"  {kind:9}{counts[kind]:4} files, largest relative difference {difference:.1e} ({name})")
        for name, problem in problems.items():
            print(f"  {name} {known.pop(name, 'UNKNOWN PROBLEM')}; {problem}")
            failures += name not in KNOWN.get(engine, {})
        for name in known:
            print(f"  {name} is listed as a known problem, but there is none")
            failures += 1
    return failures > 0


def relative_difference(result, expected):
    """The largest difference, relative to the largest expected number."""
    import numpy

    if result.shape != expected.shape:
        return numpy.inf
    largest = numpy.abs(expected).max(initial=numpy.finfo(numpy.float32).tiny)
    return float(numpy.abs(result - expected).max(initial=0.0) / largest)


if __name__ == "__main__":
    sys.exit(main())
