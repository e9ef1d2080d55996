"""Attribution maps in one form, one number for each pixel, for methods that work on the maps of others.

A method takes part once it is registered with `attribution`. Its maps may be as large as the photo or coarse, of one number or of one for
each color; they become arrays (H, W) of the network's input size, at least 0, larger where a pixel is more important:

    ===================  ==========================================================
    values               importance
    ===================  ==========================================================
    one for each pixel   the absolute value
    three colors         the sum of their absolute values
    low numbers count    how far a value lies below the highest one
    coarse               the same, then stretched as it is drawn
    ===================  ==========================================================
"""

from __future__ import annotations

import warnings

import numpy as np

from minicnn.models.model import Model
from minicnn.network.network import Trace
from minicnn.pictures.render import Overlay, stretch
from minicnn.pictures.results import Result
from minicnn.visualizers.contract.kinds import ImageKind, SeedKind, TargetKind
from minicnn.visualizers.contract.registry import REGISTRY


def run_map(method: str, model: Model, trace: Trace, target: int, seed: int = 0, quick: bool = True) -> Result:
    """Run a method that draws a map, with its default options but the settings that the report uses.

    Parameters
    ----------
    method : str
        One of `minicnn.visualizers.contract.registry.attribution_methods`.
    model : Model
    trace : Trace
        Of the model's network, for one image. Methods that run one after the other share it.
    target : int
        The class.
    seed : int
        For a random method.
    quick : bool
        Whether to take the settings of the quick report, with fewer samples.

    Returns
    -------
    Result
        What is odd about it is in its warnings only.
    """
    visualizer = REGISTRY[method]
    options = (visualizer.quick_options if quick else visualizer.report_options)(*trace.input.shape[1:3])
    options |= visualizer.arguments({ImageKind: trace, TargetKind: target, SeedKind: seed})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return visualizer.function(model, **options)


def values_of(result: Result) -> np.ndarray:
    """Return a result's map as its method made it: with several arrays, the first that is shown."""
    return result.arrays[next(iter(result.displays))]


def importance(result: Result) -> np.ndarray:
    """Tell how important each pixel is, from the result of a method that draws a map; see above.

    Returns
    -------
    array (H, W)
        At least 0, of the type of the result's values.
    """
    values, display = values_of(result), next(iter(result.displays.values()))
    low = REGISTRY[result.source["method"]].attribution == "low"
    sizes = values.max() - values if low else np.abs(values)
    sizes = sizes.sum(axis=2) if sizes.ndim == 3 else sizes
    height, width = result.source["input"]["height"], result.source["input"]["width"]
    extent = display.extent if isinstance(display, Overlay) else None
    return sizes if sizes.shape == (height, width) else stretch(sizes, height, width, extent).astype(values.dtype)
