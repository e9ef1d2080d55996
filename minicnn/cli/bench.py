"""How fast it runs here: the workloads, and how near this machine's limits they are.

Times are compared as ratios within one run, the rivals taking turns, because machines have quiet and busy minutes. Medians are reported,
with the ratio's spread over the rounds.
"""

from __future__ import annotations

import dataclasses
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from minicnn.kernels import thread_count
from minicnn.layers import Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from minicnn.layers.base import Shape
from minicnn.layers.options import placeholder
from minicnn.network.graph import INPUT
from minicnn.network.initialize import he_initialized
from minicnn.network.network import Network
from minicnn.network.objectives import class_score, energy
from minicnn.training import Settings, State
from minicnn.training.loop import train_step

#: Name of each workload, batch size, and whether it goes back to the input.
WORKLOADS = (
    ("forward, batch 1", 1, False),
    ("forward, batch 16", 16, False),
    ("forward + backward to the input, batch 1", 1, True),
    ("forward + backward to the input, batch 8", 8, True),
)

TARGET = 0

#: Height, width and channels of the images.
USUAL_SHAPE = (224, 224, 3)

#: Of the training step.
TRAINING = "SGD step, small VGG at 32 x 32, batch 64"
RATE, MOMENTUM = 0.01, 0.9


@dataclass(frozen=True)
class Timing:
    """Seconds that each rival took in each round.

    Attributes
    ----------
    workload : str
    seconds : dict of str to list of float
    """

    workload: str
    seconds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """Return the median of one rival's times."""
        return statistics.median(self.seconds[name])

    def ratios(self, name: str, others: list[str]) -> list[float]:
        """Return, round by round, one rival's time over the best of the others'."""
        return [own / min(rest) for own, *rest in zip(self.seconds[name], *(self.seconds[other] for other in others))]


def input_batch(batch: int, shape: Shape = USUAL_SHAPE) -> np.ndarray:
    """Make random images (height, width, channels) in about the range of prepared photos."""
    return 50 * np.random.default_rng(0).standard_normal((batch, *shape), np.float32)


def our_workload(network: Network, batch: int, backward: bool, shape: Shape = USUAL_SHAPE) -> Callable[[], object]:
    """Return one workload as a function; backward goes from a class, or from all of the output of a network without classes."""
    x = input_batch(batch, shape)
    if not backward:
        return lambda: network(x)
    last, outputs = list(network.shapes(shape).items())[-1]
    objective = class_score(TARGET) if len(outputs) == 1 else energy(last)
    return lambda: objective.value_and_gradient(network, x)


def small_vgg() -> Network:
    """Build a VGG for 32 x 32 images: three blocks of two convolutions with 32, 64 and 128 filters, then 256 units and 10 classes."""
    layers: dict[str, Layer] = {}
    channels = 3
    for block, filters in enumerate((32, 64, 128), start=1):
        for i in (1, 2):
            layers[f"conv{block}_{i}"] = Conv2D(placeholder(3, 3, channels, filters), placeholder(filters), padding=1)
            layers[f"relu{block}_{i}"] = ReLU()
            channels = filters
        layers[f"pool{block}"] = MaxPool2D(2)
    layers["flatten"] = Flatten()
    layers["fc1"] = Dense(placeholder(4 * 4 * 128, 256), placeholder(256))
    layers["relu"] = ReLU()
    layers["fc2"] = Dense(placeholder(256, 10), placeholder(10))
    return he_initialized(Network(layers))


class RandomPhotos:
    """64 random images of 32 x 32 and their labels, again and again; a `minicnn.training.Task`."""

    training, validation = np.arange(64), np.arange(0)

    def __init__(self):
        generator = np.random.default_rng(0)
        self.x, self.labels = generator.standard_normal((64, 32, 32, 3), np.float32), generator.integers(0, 10, 64)

    def batch(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all of them."""
        return self.x, self.labels

    def training_batch(self, positions: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return all of them."""
        return self.x, self.labels


def our_training_step() -> Callable[[], object]:
    """Return one step of gradient descent with momentum on the small VGG: forward, backward, update."""
    task, state = RandomPhotos(), State(small_vgg())
    settings = Settings(10**6, 64, RATE, momentum=MOMENTUM, nesterov=False, weight_decay=0.0, schedule="constant", warm_up=0.0)

    def step() -> float:
        nonlocal state
        state = train_step(task, dataclasses.replace(state, history=()), settings)  # one batch is all, so each step ends an epoch
        return state.history[-1]["loss"]

    return step


def take_turns(workload: str, rivals: Mapping[str, Callable[[], object]], rounds: int) -> Timing:
    """Time rivals alternately, after two rounds to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for i in range(rounds + 2):
        turn = list(rivals.items())
        for name, run in turn[i % len(turn) :] + turn[: i % len(turn)]:  # nobody always comes after the same rival
            start = time.perf_counter()
            run()
            if i >= 2:
                seconds[name].append(time.perf_counter() - start)
    return Timing(workload, seconds)


def layer_times(network: Network, batch: int = 1, rounds: int = 7, shape: Shape = USUAL_SHAPE) -> dict[str, tuple[float, float]]:
    """Time each layer forward and backward; returns medians in seconds."""
    our_workload(network, batch, backward=True, shape=shape)()  # to warm up
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in network.layers}
    for _ in range(rounds):
        outputs, contexts = {INPUT: input_batch(batch, shape)}, {}
        for name, layer in network.layers.items():
            inputs = [outputs[source] for source in network.inputs[name]]
            start = time.perf_counter()
            outputs[name], contexts[name] = layer.forward(*inputs)
            times[name][0].append(time.perf_counter() - start)
        for name, layer in network.layers.items():
            gradient = np.ones_like(outputs[name])
            start = time.perf_counter()
            layer.backward(gradient, contexts[name])
            times[name][1].append(time.perf_counter() - start)
    return {name: (statistics.median(forward), statistics.median(backward)) for name, (forward, backward) in times.items()}


def peak_product_rate(size: int = 2048) -> float:
    """Measure NumPy's matrix product; returns multiply-adds per second."""
    a = np.random.default_rng(0).standard_normal((size, size), np.float32)
    seconds = min(take_turns("", {"": lambda: a @ a}, 5).seconds[""])
    return size**3 / seconds


def memory_bandwidth(size: int = 1 << 28) -> float:
    """Measure reading a large array; returns bytes per second."""
    a = np.ones(size // 8)
    seconds = min(take_turns("", {"": a.sum}, 5).seconds[""])
    return a.nbytes / seconds


def machine() -> dict[str, str]:
    """Say what this was measured on."""
    return {
        "processor": _processor(),
        "threads": str(thread_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
            return f"{names[0]}, {len(names)} cores"
    except (OSError, IndexError):
        return platform.processor() or "unknown"
