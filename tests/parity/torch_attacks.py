"""torchattacks on networks from ONNX files: the same attacks as ours, written by others.

The package is used as it is. Its classes take ten steps where AutoAttack takes a hundred, so every parameter is given here, as in
AutoAttack's standard suite (Croce and Hein, 2020). What decides is not what an attack says of itself: its images are looked at again.
"""

import sys
import time

import numpy
import onnx.version_converter
import onnx2torch
import torch
import torchattacks

# The last one whose reshaping onnx2torch knows.
OPSET = 18

CLASSES = 10

# Images that are attacked together, as many as in AutoAttack. Square draws one square for all of them.
BATCH = 250

APGD_STEPS = 100
PGD_STEPS = 20
APGD = {"norm": "Linf", "steps": APGD_STEPS, "n_restarts": 1, "eot_iter": 1, "rho": 0.75}
FAB = {"norm": "Linf", "steps": 100, "n_restarts": 1, "alpha_max": 0.1, "eta": 1.05, "beta": 0.9}
SQUARE = {"norm": "Linf", "n_queries": 5000, "n_restarts": 1, "p_init": 0.8, "loss": "margin", "resc_schedule": False}

# By our names: what makes the attack on a model with a radius and a seed.
ATTACKS = {
    "fgsm": lambda model, eps, seed: torchattacks.FGSM(model, eps=eps),
    "pgd": lambda model, eps, seed: torchattacks.PGD(
        model, eps=eps, alpha=2.5 * eps / PGD_STEPS, steps=PGD_STEPS, random_start=True
    ),
    "apgd-ce": lambda model, eps, seed: torchattacks.APGD(model, eps=eps, seed=seed, loss="ce", **APGD),
    "apgd-t": lambda model, eps, seed: torchattacks.APGDT(model, eps=eps, seed=seed, n_classes=CLASSES, **APGD),
    "fab-t": lambda model, eps, seed: torchattacks.FAB(
        model, eps=eps, seed=seed, multi_targeted=True, n_classes=CLASSES, **FAB
    ),
    "square": lambda model, eps, seed: torchattacks.Square(model, eps=eps, seed=seed, **SQUARE),
    # Its parts take ten steps, whatever is called standard; there is no parameter for it.
    "autoattack": lambda model, eps, seed: torchattacks.AutoAttack(
        model, norm="Linf", eps=eps, version="standard", n_classes=CLASSES, seed=seed
    ),
}


class Model:
    """A classifier of images [batch, channel, height, width] in [0, 1]."""

    def __init__(self, path, threads):
        torch.set_num_threads(threads)
        # The attacks ask for the gradients of pixels alone.
        graph = onnx.version_converter.convert_version(onnx.load(path), OPSET)
        self.module = onnx2torch.convert(graph).eval().requires_grad_(False)

    def logits(self, images):
        with torch.no_grad():
            batches = [self.module(batch) for batch in torch.from_numpy(images).split(BATCH)]
        return torch.cat(batches).numpy()

    def attack(self, name, epsilon, images, labels):
        """Which of `images` an attack turns, all of them classified as in `labels`, and the seconds that it took."""
        turned, seconds = [], 0.0
        for number, first in enumerate(range(0, len(images), BATCH)):
            batch, right = torch.from_numpy(images[first:][:BATCH]), torch.from_numpy(labels[first:][:BATCH])
            # The attacks seed the generator whenever they are called: with one seed all batches would get the same noise.
            torch.manual_seed(number)
            attack = ATTACKS[name](self.module, epsilon, number)
            start = time.perf_counter()
            moved = attack(batch, right).detach()
            seconds += time.perf_counter() - start
            check(moved, batch, epsilon)
            turned.append(self.logits(moved.numpy()).argmax(axis=1) != right.numpy())
            count, done = sum(batch.sum() for batch in turned), min(first + BATCH, len(images))
            print(f"  torchattacks {name}: {count} of {done} turned, {seconds:.0f} s", file=sys.stderr, flush=True)
        return numpy.concatenate(turned), seconds


def check(moved, images, epsilon):
    """Refuses images outside of the ball, but for what rounding to float32 moves them."""
    farthest = (moved - images).abs().max().item()
    if not farthest <= epsilon + 1e-6 or moved.min() < 0 or moved.max() > 1:
        raise RuntimeError(f"torchattacks left the ball of {epsilon}: {farthest}")
