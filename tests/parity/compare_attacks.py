#!/usr/bin/env python3
"""Compares `sinew attack` with torchattacks, image by image.

    tests/parity/compare_attacks.py [--only torchattacks|sinew] [--speed] [OPTIONS]

trains three small networks on Fashion-MNIST, runs every attack of the standard suite, FGSM and PGD from both sides, each alone on all
images that are classified, and prints a table. Ends with 1 if a robust accuracy differs by more than half a point. What is done is kept
in a state folder, so that a run that was stopped goes on. Needs the network once: torchattacks is installed into a virtual environment
in the user's cache. Takes about an hour on two cores.

The suite's seconds are no race: torchattacks runs each attack on all images, `sinew attack` on those that the others have left. For
speed there is --speed.
"""

import argparse
import gzip
import hashlib
import json
import pathlib
import subprocess
import sys
from collections import namedtuple

from environment import CACHE, PARITY, cargo, enter

PACKAGES = [
    "torch==2.9.1",
    "torchvision==0.24.1",
    "torchattacks==3.5.1",
    "onnx==1.22.0",
    "onnx2torch==1.5.15",
    "numpy==2.4.6",
    "scipy==1.17.1",
]

# Largest difference of two robust accuracies, and of logits, relative to the largest of them.
TOLERANCE = 0.005
LOGITS_TOLERANCE = 1e-4

Network = namedtuple("Network", "recipe checkpoint epsilon")
NETWORKS = {
    "undefended": Network("undefended", "dense", 0.02),
    "hardened": Network("hardened", "dense", 0.1),
    "pruned": Network("hardened", "sparse", 0.1),
}

# What survives all of these is what the suite reports.
SUITE = ["apgd-ce", "apgd-t", "fab-t", "square"]
ATTACKS = ["fgsm", "pgd", *SUITE, "suite"]


def main():
    options = arguments()
    enter(PACKAGES)
    state = State(options)
    subjects = [Subject(name, state) for name in options.networks]
    if options.speed:
        return speed(subjects, state)
    for subject in subjects:
        for attack in options.attacks:
            for side in SIDES:
                if options.only in (None, side):
                    state.result(side, subject, attack)
        if options.autoattack and options.only != "sinew":
            state.result("torchattacks", subject, "autoattack")
    return options.only is None and report(subjects, state)


def arguments():
    parser = argparse.ArgumentParser(description="Compares `sinew attack` with torchattacks, image by image.")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=ATTACKS)
    parser.add_argument("--samples", type=int, default=1000, help="the first test images")
    parser.add_argument("--threads", type=int, default=2, help="of each side")
    parser.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist", help="Fashion-MNIST")
    parser.add_argument("--state", type=pathlib.Path, default=CACHE / "compare-attacks", help="networks and results")
    parser.add_argument("--sinew", type=pathlib.Path, help="the program; built if absent")
    parser.add_argument("--only", choices=list(SIDES), help="run one side, and print no table")
    parser.add_argument("--autoattack", action="store_true", help="torchattacks' own AutoAttack too: slow, and not judged")
    parser.add_argument("--speed", action="store_true", help="compare iterations of APGD per second instead")
    return parser.parse_args()


class State:
    """Networks, images and results, made when they are asked for and kept in a folder."""

    def __init__(self, options):
        self.options = options
        self.folder = options.state
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program = (options.sinew or build()).resolve()
        # What results depend on besides network, images and options.
        self.authors = {
            "torchattacks": [*PACKAGES, digest(PARITY / "torch_attacks.py")],
            "sinew": [digest(self.program)],
        }
        self.images, self.labels = test_images(options.data, options.samples)

    def sinew(self, *arguments):
        """Runs the program; its JSON object."""
        command = [self.program, *arguments, "--json"]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def threads(self):
        return ["--threads", str(self.options.threads)]

    def network(self, name):
        """The ONNX file of a network, which is trained if it is not there yet."""
        recipe, checkpoint, _ = NETWORKS[name]
        run, file = self.folder / recipe, self.folder / f"{name}.onnx"
        progress(f"{name}: training, or what is left of it")
        data = ["--data", self.options.data]
        self.sinew("compile", PARITY / "recipes" / f"{recipe}.toml", "--output", run, *data, *self.threads())
        self.sinew("export", run / f"{checkpoint}.safetensors", "--output", file)
        return file

    def result(self, side, subject, attack):
        """What an attack did to a network: kept, unless the network, the images or whoever attacks have changed."""
        of = {
            "network": digest(subject.file),
            "epsilon": subject.epsilon,
            "samples": len(self.images),
            "by": self.authors[side],
            "options": sinew_options(attack) if side == "sinew" else [],
        }
        path = self.folder / f"{subject.name}.{side}.{attack}.{of['samples']}.json"
        if path.exists() and (kept := json.loads(path.read_text()))["of"] == of:
            return kept
        progress(f"{subject.name}: {attack} by {side}")
        result = {"of": of, "threads": self.options.threads, **SIDES[side](subject, attack, self)}
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(result, indent=1))
        partial.replace(path)
        return result


class Subject:
    """A network that both sides attack."""

    def __init__(self, name, state):
        import numpy

        import torch_attacks

        self.name, self.epsilon = name, NETWORKS[name].epsilon
        self.file = state.network(name)
        self.model = torch_attacks.Model(self.file, state.options.threads)
        logits = self.model.logits(state.images)
        images = state.folder / "images.npy"
        numpy.save(images, state.images)
        ours = numpy.array([image["logits"] for image in state.sinew("run", self.file, images)["results"]])
        difference = numpy.abs(logits - ours).max() / numpy.abs(ours).max()
        if not difference <= LOGITS_TOLERANCE:
            sys.exit(f"{name}: the logits of the two sides differ by {difference:.1e}")
        self.right = logits.argmax(axis=1) == state.labels
        progress(f"{name}: {self.right.mean():.1%} clean, logits agree to {difference:.1e}")


def by_torchattacks(subject, attack, state):
    """One attack alone; the suite is what its attacks leave standing together."""
    right = subject.right.nonzero()[0]
    result = {"misclassified": (~subject.right).nonzero()[0].tolist()}
    if attack == "suite":
        parts = [state.result("torchattacks", subject, part) for part in SUITE]
        turned = sorted(set().union(*(part["turned"] for part in parts)))
        return result | {"turned": turned, "seconds": sum(part["seconds"] for part in parts)}
    turned, seconds = subject.model.attack(attack, subject.epsilon, state.images[right], state.labels[right])
    return result | {"turned": right[turned].tolist(), "seconds": seconds}


def by_sinew(subject, attack, state):
    """The same by `sinew attack`, whose figures have to follow from the images that it names."""
    printed = state.sinew(
        "attack", subject.file, *sinew_options(attack), "--no-checks", "--norm", "linf", "--epsilon", str(subject.epsilon),
        "--samples", str(len(state.images)), "--data", state.options.data, *state.threads(),
    )  # fmt: skip
    attacks = printed["attacks"]
    result = {
        "misclassified": printed["misclassified"],
        "turned": sorted(set().union(*(part["turned"] for part in attacks))),
        "seconds": sum(part["seconds"] for part in attacks),
        "attacks": attacks,
    }
    implied = 1 - len(failed(result)) / len(state.images)
    if abs(implied - printed["robust_accuracy"]) > 1e-6:
        sys.exit(f"{subject.name}: {attack} reports {printed['robust_accuracy']}, but its images imply {implied}")
    return result


def sinew_options(attack):
    """The attack as the command line spells it."""
    if attack == "suite":
        return ["--suite", "standard"]
    parameters = ["--steps", "20", "--restarts", "1"] if attack == "pgd" else []
    return ["--attack", attack, *parameters]


SIDES = {"torchattacks": by_torchattacks, "sinew": by_sinew}


def failed(result):
    """Images that were wrong, or that the attack turned."""
    return set(result["misclassified"]) | set(result["turned"])


def report(subjects, state):
    """Prints the table; whether a difference is too large."""
    header = ["network", "ε", "attack", "torchattacks", "Sinew", "difference"]
    header += ["turned by torchattacks alone", "turned by Sinew alone", "seconds of torchattacks", "seconds of Sinew"]
    print_row(header)
    print_row(["---", "---:", "---", *["---:"] * 7])
    samples, differing = len(state.images), False
    for subject in subjects:
        for attack in state.options.attacks:
            theirs, ours = (state.result(side, subject, attack) for side in SIDES)
            sets = failed(theirs), failed(ours)
            robust = [1 - len(each) / samples for each in sets]
            differing |= abs(len(sets[0]) - len(sets[1])) > TOLERANCE * samples
            cells = [
                subject.name, subject.epsilon, attack, *(f"{each:.1%}" for each in robust),
                f"{100 * (robust[1] - robust[0]):+.1f}", len(sets[0] - sets[1]), len(sets[1] - sets[0]),
                *(f"{each['seconds']:.1f}" for each in (theirs, ours)),
            ]  # fmt: skip
            print_row(cells)
        if state.options.autoattack:
            theirs = state.result("torchattacks", subject, "autoattack")
            robust = 1 - len(failed(theirs)) / samples
            cells = [subject.name, subject.epsilon, "AutoAttack of ten steps", f"{robust:.1%}", *[""] * 4]
            print_row([*cells, f"{theirs['seconds']:.1f}", ""])
    return differing


def speed(subjects, state):
    """Prints how many gradients of one image both sides compute per second in APGD-CE: the best of three runs each, in turns."""
    import torch_attacks

    print_row(["network", "threads", "torchattacks, gradients/s", "Sinew, gradients/s", "Sinew : torchattacks"])
    print_row(["---", *["---:"] * 4])
    for subject in subjects:
        rates = {side: [] for side in SIDES}
        attacked = int(subject.right.sum())
        for _ in range(3):
            seconds = by_torchattacks(subject, "apgd-ce", state)["seconds"]
            # One more than its steps, at its start; Sinew counts that one too.
            rates["torchattacks"].append(attacked * (torch_attacks.APGD_STEPS + 1) / seconds)
            (attack,) = by_sinew(subject, "apgd-ce", state)["attacks"]
            rates["sinew"].append(attacked * attack["queries"] / attack["seconds"])
        theirs, ours = max(rates["torchattacks"]), max(rates["sinew"])
        print_row([subject.name, state.options.threads, f"{theirs:.0f}", f"{ours:.0f}", f"{ours / theirs:.2f}"])
    return False


def print_row(cells):
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def test_images(folder, samples):
    """The first test images [image, channel, height, width] in [0, 1], and their labels."""
    import numpy

    if not (folder / "t10k-images-idx3-ubyte.gz").exists():
        advice = "install the Debian package dataset-fashion-mnist, or name a folder with its files: --data FOLDER"
        sys.exit(f"no Fashion-MNIST in {folder}: {advice}")
    pixels, labels = (
        numpy.frombuffer(gzip.decompress((folder / f"t10k-{name}-ubyte.gz").read_bytes()), numpy.uint8, offset=offset)
        for name, offset in [("images-idx3", 16), ("labels-idx1", 8)]
    )
    images = pixels.reshape(-1, 1, 28, 28)[:samples].astype(numpy.float32) / 255
    return images, labels[:samples].astype(numpy.int64)


def build():
    """The program, built from this checkout."""
    messages = cargo(["build", "--package", "sinew", "--bin", "sinew", "--message-format", "json"]).splitlines()
    return pathlib.Path(next(filter(None, (json.loads(line).get("executable") for line in messages))))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def progress(message):
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
