"""The page's templates, and what they need to show pictures and numbers."""

from __future__ import annotations

import base64

import jinja2
import numpy as np

from minicnn.pictures import render


def fill(template: str, **values: object) -> str:
    """Fill one of this package's templates in; values become text, in which nothing is taken for HTML."""
    return _environment().get_template(template).render(values)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(loader=jinja2.PackageLoader("minicnn.report", "."), autoescape=True, trim_blocks=True)
    environment.filters["data_address"] = _data_address
    environment.filters["gradient"] = lambda colors: ", ".join(render.gradient_stops(colors))
    environment.filters["number"] = lambda value: f"{value:.3g}"
    return environment


def _data_address(pixels: np.ndarray) -> str:
    """Put a picture into the page itself, as a data: address."""
    return "data:image/png;base64," + base64.b64encode(render.png(pixels)).decode("ascii")
