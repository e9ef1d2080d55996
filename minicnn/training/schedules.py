"""How the learning rate changes in the course of a training: a share of the largest rate, from the share of the steps that are done.

References
----------
I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983, equation 5 (cosine, without restarts).
P. Goyal et al., "Accurate, Large Minibatch SGD", arXiv:1706.02677, section 2.2 (warm-up).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Schedule = Literal["cosine", "step", "constant"]

#: When the rate falls to a tenth with "step", as shares of the training.
DROPS = (0.5, 0.75)

SCHEDULES: dict[Schedule, Callable[[float], float]] = {
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "step": lambda done: 0.1 ** sum(done >= drop for drop in DROPS),
    "constant": lambda done: 1.0,
}


def rate_share(schedule: Schedule, done: float, warm_up: float) -> float:
    """Tell which share of the largest rate to use when a share of the steps, 0 to 1, is done; it first rises evenly during `warm_up`."""
    return min(1.0, done / warm_up) * SCHEDULES[schedule](done) if warm_up else SCHEDULES[schedule](done)
