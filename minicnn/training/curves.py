"""The curves of a training as a picture: loss and accuracy after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from minicnn.pictures import render

History = Sequence[Mapping[str, float]]


def curves_png(history: History, title: str) -> bytes:
    """Draw the loss and the accuracy after each epoch, for the training photos and the validation photos if there are any."""
    panels = []
    for quantity in ("loss", "accuracy"):
        lines = {name: key for name, key in (("training", quantity), ("validation", f"validation {quantity}")) if key in history[0]}
        values = np.array([[entry[key] for entry in history] for key in lines.values()])
        panels += render.Curve(quantity, "epoch", list(lines), low=0).panels(values, quantity, None)
    return render.png(render.figure(panels, title))
