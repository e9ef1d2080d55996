"""How the learning rate changes in the course of a training: a share of the largest rate, for each step.

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


def rate_share(schedule: Schedule, step: int, steps: int, warm_up: float) -> float:
    """Tell which share of the largest rate a step uses.

    Parameters
    ----------
    schedule : {"cosine", "step", "constant"}
    step : int
        How many steps were made before this one.
    steps : int
        How many the whole training has.
    warm_up : float
        The share of the steps during which the rate first rises evenly; the first of these steps already has a rate.

    Returns
    -------
    float
        From 0 to 1.
    """
    rising = min(1.0, (step + 1) / (warm_up * steps)) if warm_up else 1.0
    return rising * SCHEDULES[schedule](step / steps)
