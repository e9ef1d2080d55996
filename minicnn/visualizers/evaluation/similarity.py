"""How alike two maps are, by the three measures that sanity checks use.

Each compares two maps (H, W) of numbers of at least 0, and is 1 for equal ones. Two maps that have nothing to do with each other are
near 0 in the rank correlation; the other two can be well above 0 where both maps are mostly dark. A map that is the same everywhere,
all zero for one, has no ranks and no gradients: then the measure is 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minicnn.errors import ShapeError

#: Before structures are compared, each map is divided by this quantile of it and cut off at 1, so that a few large numbers do not decide.
WHITE_QUANTILE = 0.99

#: Histograms of gradients are taken in square cells of so many pixels, smaller ones on small maps, and in blocks of 3 x 3 cells.
CELL, BLOCK = 16, 3

SMALLEST = 9


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Compare which pixels are more important than which: Spearman's correlation, -1 to 1. Signed numbers may be compared, too."""
    from scipy.stats import spearmanr

    return 0.0 if np.ptp(first) == 0 or np.ptp(second) == 0 else float(spearmanr(first, second, axis=None).statistic)


def structural_similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Compare mean, contrast and pattern in small windows: SSIM, Z. Wang et al., IEEE Transactions on Image Processing 2004; -1 to 1."""
    from skimage.metrics import structural_similarity as ssim

    if not first.any() or not second.any():
        return 0.0
    return float(
        ssim(scaled(first), scaled(second), data_range=1.0, gaussian_weights=True, win_size=min(11, min(first.shape) // 2 * 2 - 1))
    )


def gradient_histogram_similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Compare the directions of edges: correlation of histograms of oriented gradients (HOG; N. Dalal, B. Triggs, CVPR 2005), -1 to 1."""
    from skimage.feature import hog

    cell = min(CELL, min(first.shape) // BLOCK)
    features = [hog(scaled(each), pixels_per_cell=(cell, cell), cells_per_block=(BLOCK, BLOCK)) for each in (first, second)]
    return 0.0 if any(np.ptp(each) == 0 for each in features) else float(np.corrcoef(*features)[0, 1])


MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "rank correlation": rank_correlation,
    "structural similarity": structural_similarity,
    "HOG similarity": gradient_histogram_similarity,
}


def check_size(height: int, width: int) -> None:
    """Raise ShapeError if maps are too small to be compared."""
    if min(height, width) < SMALLEST:
        raise ShapeError(f"maps of {height} x {width} are too small to compare structures; expected at least {SMALLEST} pixels a side")


def scaled(values: np.ndarray) -> np.ndarray:
    """Bring a map of numbers of at least 0 to 0 to 1; see `WHITE_QUANTILE`."""
    white = np.quantile(values, WHITE_QUANTILE) or values.max()
    return np.clip(values / white, 0, 1) if white > 0 else values
