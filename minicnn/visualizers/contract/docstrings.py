"""What parameters that many methods have mean, said once; a method's docstring states a parameter only where it differs.

The decorator puts what a docstring leaves out into its Parameters section, so that `help(minicnn.saliency)`, an editor and the command line
all see the whole.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable

from minicnn.errors import MinicnnError

OUTPUTS = '{"logit", "probability", "log-probability"}'

#: By the parameter's name: its type, and what it means.
SHARED: dict[str, tuple[str, str]] = {
    "model": ("Model", ""),
    "image": ("photo, or several", "Several are a list, a folder or an array with one more axis: the method runs for each by itself."),
    "photos": ("photo, list of photos, or folder", ""),
    "target": ("str, int or list", "The class, by name or index, or several, one after the other. Default: the likeliest."),
    "layer": ("str", "A layer whose output is an image. Default: the last convolution, after its ReLU."),
    "also": ("sequence of str or int", "Further classes, to be shown beside the first, on the same scale."),
    "output": (OUTPUTS, "What is differentiated."),
    "form": (
        '{"absolute", "signed", "raw"}',
        "What is made of the three colors: the largest absolute value, the same with its sign, or all three as they are, around a gray "
        "that is 0.",
    ),
    "steps": ("int", "How often the picture is changed."),
    "step_size": ("float", "How far in one step, as root mean square over the pixels, in levels of 255."),
    "scales": ("int", "On how many sizes to work, from small to large."),
    "jitter": ("int", "The largest random shift before each step, in pixels; 0 for none."),
    "spectrum": (
        "float",
        "How much fine structure of a step is damped: its amplitude is divided by frequency to this power; 0 for not at all.",
    ),
    "total_variation": (
        "float",
        "The weight of the total variation, whose gradient is taken off in each step, in levels of 255; 0 for none.",
    ),
    "noise": ("float", "The standard deviation of the noise at the start, in levels of 255."),
    "batch_size": ("int", "Images that are worked on at once; it bounds the memory and does not change the result but for rounding."),
    "seed": ("int", "For everything random: same seed, same result. Of several photos each begins with it."),
    "progress": ("function, optional", "Called as progress(done, total). Default: none, in a notebook a bar."),
    "size": (
        "int or (height, width), optional",
        "Pixels to scale the photo to. Default: what the network was trained on, or the method works on.",
    ),
    "prepared": ("bool", "That the photo is an array (1, height, width, channels), or (N, ...), as `Model.prepare` gives it."),
}

HEADING = "Parameters\n----------\n"

#: Where a section begins: a line, underlined.
SECTION = re.compile(r"^[A-Z][A-Za-z ]*\n-+$", re.MULTILINE)

#: Where a parameter's entry begins: at the margin.
ENTRY = re.compile(r"^(?=\S)", re.MULTILINE)

#: How long lines are.
WIDTH = 120


def completed(docstring: str | None, parameters: Iterable[str], method: str) -> str:
    """Return a docstring whose Parameters section holds all parameters, in their order.

    Raises
    ------
    MinicnnError
        If there is one that neither the docstring nor `SHARED` explains.
    """
    text = inspect.cleandoc(docstring or method)
    start = text.find(HEADING)
    sections = [found.start() for found in SECTION.finditer(text) if found.start() != start]
    if start < 0:
        start = stop = next(iter(sections), len(text))
        own = ""
    else:
        stop = next((place for place in sections if place > start), len(text))
        own = text[start + len(HEADING) : stop]
    stated = {entry.partition(":")[0].strip(): entry.rstrip() for entry in ENTRY.split(own) if entry.strip()}
    entries = [stated.get(name) or _shared(name, method) for name in parameters]
    before, after = text[:start].rstrip(), text[stop:].strip()
    return "\n\n".join(part for part in (before, HEADING + "\n".join(entries), after) if part) + "\n"


def _shared(name: str, method: str) -> str:
    if name not in SHARED:
        raise MinicnnError(f"the docstring of {method} does not explain {name}; expected it in the section Parameters")
    kind, meaning = SHARED[name]
    return f"{name} : {kind}\n{textwrap.indent(textwrap.fill(meaning, WIDTH), '    ')}".rstrip()
