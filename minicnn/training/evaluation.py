"""How often a network is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicnn.network.network import Network
from minicnn.network.probability import cross_entropy
from minicnn.training.tasks import Task


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network makes of examples whose classes are known.

    Attributes
    ----------
    loss : float
        The mean cross entropy, in nats.
    confusion : int array (classes, classes)
        How many examples of each class (rows) got which answer (columns).
    top5 : float
        The share, 0 to 1, of the examples whose class is among the five likeliest.
    """

    loss: float
    confusion: np.ndarray
    top5: float

    @property
    def accuracy(self) -> float:
        """The share, 0 to 1, of the examples whose likeliest class is right."""
        return float(np.trace(self.confusion) / self.confusion.sum())


def evaluate(network: Network, task: Task, positions: np.ndarray, batch_size: int) -> Evaluation:
    """Ask a network about the examples at these positions, unchanged and without dropout.

    Of labels that are probabilities the largest is right.
    """
    loss, among_five, confusion = 0.0, 0, np.zeros((0, 0), int)
    for start in range(0, len(positions), batch_size):
        x, labels = task.batch(positions[start : start + batch_size])
        logits = network(x)
        loss += cross_entropy(logits, labels)[0] * len(labels)
        right = labels if labels.ndim == 1 else labels.argmax(axis=1)
        if confusion.size == 0:
            confusion = np.zeros((logits.shape[1], logits.shape[1]), int)
        np.add.at(confusion, (right, logits.argmax(axis=1)), 1)
        among_five += int(((logits > logits[np.arange(len(right)), right][:, None]).sum(axis=1) < 5).sum())
    return Evaluation(loss / len(positions), confusion, among_five / len(positions))
