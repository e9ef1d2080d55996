r"""Stochastic gradient descent: the loop that trains a network.

    for each batch:   x, labels  <-  the next photos, flipped and shifted at random
                      loss       =   cross entropy of network(x) and labels  +  weight decay / 2 * |weights|^2
                      weights    <-  weights - rate * optimizer(gradient of the loss)

Nothing is random but what is drawn from (seed, epoch) and (seed, step), and all that a step depends on is in its `State`. So a training
that was stopped after any step and goes on from that state ends bit for bit as if it had not been stopped. The step itself is in
`minicnn.training.gradient_descent`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from minicnn.errors import MinicnnError
from minicnn.network.network import Network
from minicnn.network.optimizers import Memory, Optimizer, adam, momentum
from minicnn.training.evaluation import evaluate
from minicnn.training.gradient_descent import Memories, loss_and_gradients, updated
from minicnn.training.schedules import Schedule, rate_share
from minicnn.training.tasks import Task

OptimizerName = Literal["sgd", "adam"]

#: What is drawn from which stream of random numbers.
ORDER, AUGMENTATION, DROPOUT = range(3)


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes
    ----------
    epochs : int
        How often each photo is used.
    batch_size : int
        Photos in one step; it bounds the memory.
    rate : float
        The largest learning rate.
    optimizer : {"sgd", "adam"}
    momentum : float
        Of SGD: the share of its velocity that it keeps, 0 to 1.
    nesterov : bool
        Of SGD: whether it looks one step ahead.
    weight_decay : float
        How strongly weights, not biases and not what batch normalization scales with, are drawn to 0. With Adam it is taken off beside
        the gradient (AdamW, arXiv:1711.05101), with SGD added to it.
    schedule : {"cosine", "step", "constant"}
        See `minicnn.training.schedules`.
    warm_up : float
        The share of the training in which the rate rises to its largest.
    patience : int
        End after so many epochs in a row without a better one on the validation photos; 0 for never.
    seed : int
    """

    epochs: int = 20
    batch_size: int = 64
    rate: float = 0.05
    optimizer: OptimizerName = "sgd"
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    schedule: Schedule = "cosine"
    warm_up: float = 0.05
    patience: int = 0
    seed: int = 0

    def __post_init__(self):
        limits = {
            "epochs": (1, 1_000_000),
            "batch_size": (1, 1_000_000),
            "rate": (0, 1000),
            "momentum": (0, 1),
            "weight_decay": (0, 10),
            "warm_up": (0, 1),
            "patience": (0, 1_000_000),
            "seed": (0, 1_000_000_000),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise MinicnnError(f"{name.replace('_', ' ')} is {getattr(self, name):,}; expected {low} to {high:,}")

    def make_optimizer(self) -> Optimizer:
        """Return the optimizer of one array."""
        return adam if self.optimizer == "adam" else momentum(self.momentum, self.nesterov)


@dataclass(frozen=True)
class State:
    """Where a training has come to: all that its next step depends on.

    Attributes
    ----------
    network : Network
    memory : dict
        What the optimizer remembers, as {layer: {parameter: tuple}}.
    step : int
        How many are done.
    sums : (float, int, int)
        Of the running epoch: the losses of all photos, how many were right, how many there were.
    history : tuple of dict
        For each epoch: epoch, loss, accuracy, and if there are validation photos validation loss and validation accuracy.
    best : Network or None
        With the highest validation accuracy at the end of an epoch; of equal ones that with the lower validation loss.
    best_epoch : int
        Which one that was, counted from 1; 0 for none.
    """

    network: Network
    memory: Memories = field(default_factory=dict)
    step: int = 0
    sums: tuple[float, int, int] = (0.0, 0, 0)
    history: tuple[dict[str, float], ...] = ()
    best: Network | None = None
    best_epoch: int = 0

    @property
    def result(self) -> Network:
        """The network to keep: the best one on the validation photos, or without those the last one."""
        return self.network if self.best is None else self.best


def steps_per_epoch(task: Task, settings: Settings) -> int:
    """Count the batches of an epoch; the last may be smaller, but a single example is added to the one before: alone it has no variance."""
    batches = math.ceil(len(task.training) / settings.batch_size)
    return batches - (batches > 1 and len(task.training) % settings.batch_size == 1)


def train(task: Task, state: State, settings: Settings, callback: Callable[[State], None]) -> State:
    """Train a network, or go on with it.

    Parameters
    ----------
    task : Task
    state : State
        A new one, ``State(network)``, or where an earlier training of the same task and settings stopped.
    settings : Settings
    callback : function
        Called with the state after each step, so whoever interrupts the training knows where it was.

    Returns
    -------
    State
        After the last step, or where `patience` came to its end.

    Raises
    ------
    MinicnnError
        If a loss or a parameter is no longer a number, as with too large a rate; or the state is that of another training.
    """
    _check_fits(state, task, settings)
    steps = steps_per_epoch(task, settings) * settings.epochs
    while state.step < steps and not _out_of_patience(state, settings):
        state = train_step(task, state, settings)
        callback(state)
    return state


def _check_fits(state: State, task: Task, settings: Settings) -> None:
    """Raise MinicnnError unless a training of this task and these settings can have come to this state."""
    epochs, batches = divmod(state.step, steps_per_epoch(task, settings))
    optimizer = settings.make_optimizer()
    wrong = []
    for layer, arrays in state.network.parameters.items():
        for name, array in arrays.items():
            expected = optimizer(np.zeros_like(array), ())[1] if state.step else ()
            if _outline(state.memory.get(layer, {}).get(name, ()), 0) != _outline(expected, state.step - 1):
                wrong.append(f"what {settings.optimizer} remembers of {layer} {name}")
    if len(state.history) != epochs or state.sums[2] != batches * settings.batch_size or state.sums[1] > state.sums[2]:
        wrong.append("the number of epochs and photos so far")
    if wrong:
        raise MinicnnError(f"the training cannot go on after step {state.step:,}: {wrong[0]} is of another training; begin anew")


def _outline(memory: Memory, more: int) -> list[tuple[int, ...] | int]:
    """Return the shapes of what an optimizer remembers, and the steps that it counts, with so many more added."""
    return [part + more if isinstance(part, int) else np.shape(part) for part in memory]


def train_step(task: Task, state: State, settings: Settings) -> State:
    """Make the next step, and if it is the last of an epoch look at the validation photos; arguments and errors as for `train`."""
    batches = steps_per_epoch(task, settings)
    epoch, i = divmod(state.step, batches)
    order = np.random.default_rng([settings.seed, ORDER, epoch]).permutation(task.training)
    end = (i + 1) * settings.batch_size if i + 1 < batches else None
    positions = order[i * settings.batch_size : end]
    state = _step(task, state, settings, positions, batches * settings.epochs)
    return _end_of_epoch(task, state, settings, epoch + 1) if i + 1 == batches else state


def _step(task: Task, state: State, settings: Settings, positions: np.ndarray, steps: int) -> State:
    """Make one of so many steps, with the photos at these positions."""
    adam_w = settings.optimizer == "adam"
    x, labels = task.training_batch(positions, np.random.default_rng([settings.seed, AUGMENTATION, state.step]))
    loss, correct, gradients, network = loss_and_gradients(
        state.network,
        x,
        labels,
        0.0 if adam_w else settings.weight_decay,
        np.random.default_rng([settings.seed, DROPOUT, state.step]),
    )
    if not math.isfinite(loss):
        raise MinicnnError(f"the loss is {loss} at step {state.step + 1}; expected a number. Try a smaller rate than {settings.rate}")
    rate = settings.rate * rate_share(settings.schedule, state.step, steps, settings.warm_up)
    beside = settings.weight_decay if adam_w else None
    network, memory = updated(network, gradients, state.memory, settings.make_optimizer(), rate, beside)
    sums = (state.sums[0] + loss * len(labels), state.sums[1] + correct, state.sums[2] + len(labels))
    return dataclasses.replace(state, network=network, memory=memory, step=state.step + 1, sums=sums)


def _end_of_epoch(task: Task, state: State, settings: Settings, epoch: int) -> State:
    """Write an epoch down, and look at the validation photos."""
    for layer, arrays in state.network.arrays.items():
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise MinicnnError(f"{layer} holds numbers that are not finite after epoch {epoch}; try a smaller rate than {settings.rate}")
    loss, correct, count = state.sums
    entry = {"epoch": epoch, "loss": loss / count, "accuracy": correct / count}
    if len(task.validation) == 0:
        return dataclasses.replace(state, sums=(0.0, 0, 0), history=(*state.history, entry))
    found = evaluate(state.network, task, task.validation, settings.batch_size)
    entry |= {"validation loss": found.loss, "validation accuracy": found.accuracy}
    if not math.isfinite(found.loss):
        raise MinicnnError(
            f"the loss on the validation photos is {found.loss} after epoch {epoch}; expected a number. Try a smaller rate than "
            f"{settings.rate}"
        )
    state = dataclasses.replace(state, sums=(0.0, 0, 0), history=(*state.history, entry))
    better = state.best is None or _rank(entry) > _rank(state.history[state.best_epoch - 1])
    return dataclasses.replace(state, best=state.network, best_epoch=epoch) if better else state


def _rank(entry: Mapping[str, float]) -> tuple[float, float]:
    """Return what the better of two epochs has more of: validation accuracy, and where that is equal, less loss."""
    return entry["validation accuracy"], -entry["validation loss"]


def _out_of_patience(state: State, settings: Settings) -> bool:
    return settings.patience > 0 and state.best is not None and len(state.history) - state.best_epoch >= settings.patience
