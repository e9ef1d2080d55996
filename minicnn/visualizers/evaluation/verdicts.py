"""Which method did best, and whether that can be told at all.

An area is measured with two kinds of chance in it. One is the photo: another one would give another area. The other are the steps: between
two of them the curve is unknown. One method counts as better than another if neither may have made the difference:

- it is larger than the error of the areas, and
- over at least 6 photos, its 95 % interval leaves out 0. The interval is of the mean of the *paired* differences, photo by photo, by the
  bootstrap over photos: as many photos are drawn with replacement, often, and the middle 95 % of the means are kept. Of few photos that
  would be too narrow, so it is widened as that of Student's t is ("expanded percentile": T. Hesterberg, The American Statistician 69,
  2015).
- Of fewer photos, it is so on each. That says nothing about others: of methods that are equally good, one is ahead on all n photos with
  probability 2 / 2^n, which is below 5 % from n = 6 on.

The random map is measured in several orders: of less than 6 photos, a method must be ahead of every one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: From so many photos on there are intervals.
FEWEST_PHOTOS = 6

LEVEL, RESAMPLES = 0.95, 4000

#: Areas that differ by less look the same in the table.
LEAST_DIFFERENCE = 0.0005

#: Maps that know nothing of the network.
BASELINES = RANDOM, EDGES = "random", "edges"

#: What is estimated of each line: its difference to the random map, and to the best method.
TITLES = ("minus random", "minus best")


def interval(differences: np.ndarray, seed: int) -> tuple[float, float]:
    """Find the 95 % interval of the mean of numbers (photos,), by the bootstrap; see above."""
    from scipy import stats

    count = len(differences)
    widened = 2 * stats.norm.cdf(np.sqrt(count / (count - 1)) * stats.t.ppf((1 + LEVEL) / 2, count - 1)) - 1
    found = stats.bootstrap(
        (differences,), np.mean, n_resamples=RESAMPLES, batch=100, confidence_level=widened, method="percentile", random_state=seed
    ).confidence_interval
    return float(found.low), float(found.high)


@dataclass(frozen=True)
class Areas:
    """The areas of one test, deletion or insertion.

    Attributes
    ----------
    way : str
    lower_is_better : bool
    methods : sequence of str
    lines : array (photos, methods + 2)
        The areas of the methods, of the random map (the mean of its orders), and of the edges.
    random : array (photos, orders)
        Those of the random orders.
    errors : array (photos, methods + 2)
        By how much the areas may be off because of the steps.
    limits : array (photos,), or None
        The best areas that these steps can show; None if there is no best.
    seed : int
        For the bootstrap.
    """

    way: str
    lower_is_better: bool
    methods: Sequence[str]
    lines: np.ndarray
    random: np.ndarray
    errors: np.ndarray
    limits: np.ndarray | None
    seed: int = 0

    @property
    def better(self) -> str:
        """Which areas are better, "lower" or "higher"."""
        return "lower" if self.lower_is_better else "higher"

    @property
    def names(self) -> list[str]:
        """The lines' names."""
        return [*self.methods, RANDOM, EDGES]

    @property
    def means(self) -> dict[str, float]:
        """The mean areas over the photos, of every line."""
        return dict(zip(self.names, self.lines.mean(axis=0).tolist()))

    @property
    def tolerance(self) -> float:
        """The largest difference of two mean areas that the steps may have made: each is off by the root mean square of the errors."""
        return max(float(np.sqrt(2 * (self.errors.mean(axis=0) ** 2).mean())), LEAST_DIFFERENCE)

    def best_of(self, names: Sequence[str]) -> str:
        """Find the line of the best mean area among some."""
        return min(names, key=lambda name: self.means[name] * (1 if self.lower_is_better else -1))

    def differences(self, name: str, other: str) -> np.ndarray:
        """Subtract the areas of another line from those of one, photo by photo."""
        return self.lines[:, self.names.index(name)] - self.lines[:, self.names.index(other)]

    def estimates(self, name: str) -> dict[str, tuple[float, float, float]]:
        """Tell how far a line's mean area lies above that of random and of the best method: the difference, and its interval."""
        others = dict(zip(TITLES, (RANDOM, self.best_of(self.methods))))
        differences = {title: self.differences(name, other) for title, other in others.items() if other != name}
        return {title: (float(each.mean()), *interval(each, self.seed)) for title, each in differences.items()}

    def is_better(self, name: str, other: str) -> bool:
        """Tell whether one line did better than another, and neither the photos nor the steps may have made the difference."""
        sign = -1 if self.lower_is_better else 1
        ahead = sign * self.differences(name, other)
        if ahead.mean() <= self.tolerance:
            return False
        if len(ahead) >= FEWEST_PHOTOS:
            return interval(ahead, self.seed)[0] > 0
        if other == RANDOM:
            ahead = sign * (self.lines[:, [self.names.index(name)]] - self.random)
        return bool((ahead > 0).all())

    def beaten(self, name: str) -> list[str]:
        """List the baselines that a method is better than."""
        return [baseline for baseline in BASELINES if self.is_better(name, baseline)]

    def at_limit(self) -> list[str]:
        """List the lines whose areas cannot be told from the limit."""
        if self.limits is None:
            return []
        limit = float(self.limits.mean())
        return [name for name, mean in self.means.items() if abs(mean - limit) <= self.tolerance]


def conclusion(areas: Areas, steps: int) -> str:
    """Say in a few lines what can be concluded."""
    weak = [name for name in areas.methods if len(areas.beaten(name)) < len(BASELINES)]
    sentences = [
        f"{areas.way.capitalize()}: {verdict(areas)}.",
        f"Not better than {_joined(BASELINES, 'and')}: {', '.join(weak) or 'none'}.",
        f"Differences below {areas.tolerance:.3f} are not seen with {steps} steps.",
    ]
    if close := areas.at_limit():
        sentences.append(f"At the limit of what these steps can show: {', '.join(close)}.")
    return "\n  ".join(sentences)


def verdict(areas: Areas) -> str:
    """Say which method is best, between which one cannot tell, or that none beats the maps that know nothing."""
    beaten, where = {name: areas.beaten(name) for name in areas.methods}, _scope(len(areas.lines))
    good = [name for name, each in beaten.items() if len(each) == len(BASELINES)]
    if not good:
        unbeaten = [name for name in BASELINES if not any(name in each for each in beaten.values())]
        return f"none beats {_joined(unbeaten, 'or') or _joined(BASELINES, 'and')} {where}"
    best = areas.best_of(good)
    level = [name for name in areas.methods if name == best or not areas.is_better(best, name)]
    if len(level) > 1:
        return f"cannot tell between {_joined(level, 'and')} {where}"
    return f"{best} is best {where}" if len(beaten) > 1 else f"{best} beats {_joined(BASELINES, 'and')} {where}"


def _scope(photos: int) -> str:
    """Say for which photos a verdict holds."""
    if photos == 1:
        return "on this photo"
    return f"on these {photos} photos" if photos < FEWEST_PHOTOS else f"over {photos} photos"


def _joined(names: Sequence[str], word: str) -> str:
    """List names in a sentence: "a, b or c"."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
