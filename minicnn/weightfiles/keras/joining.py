"""Layers with several inputs, and formulas: sums and products that Keras writes as layers.

Of formulas with numbers only relu6(x + 3) / 6, the hard sigmoid, is known, as Keras' MobileNetV3 has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from minicnn.weightfiles.keras.entries import Call, Entry, is_number, written
from minicnn.weightfiles.keras.reached import Reached

if TYPE_CHECKING:
    from minicnn.weightfiles.keras.walk import Walk

#: Layers that join, and formulas, by what Keras 3 and tf.keras call them.
JOINS = ("Add", "Multiply", "Concatenate")
FORMULAS = {"__operators__.add": "Add", "math.add": "Add", "math.multiply": "Multiply"}


def join(walk: Walk, call: Call, taken: Sequence[Reached]) -> Reached:
    """Take a layer or a formula that joins what several layers give."""
    entry = call.entry
    kind = FORMULAS.get(entry.text("function", "")) if entry.class_name == "TFOpLambda" else entry.class_name
    if kind not in JOINS or (entry.operation and kind == "Concatenate"):
        raise entry.refusal("is not supported")
    if call.numbers:
        return _with_number(walk, call, kind, taken)
    if len(taken) < 2:
        raise entry.refusal("takes the output of one layer; expected two or more")
    if kind == "Multiply":
        return _multiply(walk, entry, taken)
    return _add(walk, entry, taken) if kind == "Add" else _concatenate(walk, entry, taken)


def _add(walk: Walk, entry: Entry, taken: Sequence[Reached]) -> Reached:
    xs = _alike(walk, entry, taken)
    if any(a is not None and b is not None and a != b for x in xs for a, b in zip(x.shape, xs[0].shape)):
        raise entry.refusal("adds images of different shapes; expected equal ones")
    return walk.add(entry, "add", {}, *xs)


def _concatenate(walk: Walk, entry: Entry, taken: Sequence[Reached]) -> Reached:
    xs = _alike(walk, entry, taken)
    axis = entry.config.get("axis", -1)
    if not walk.is_channel_axis(axis, xs[0]):
        raise entry.refusal(f"concatenates along another axis ({written(axis)}) than that of the channels")
    channels = [x.shape[2] for x in xs]
    total = None if None in channels else sum(count for count in channels if count is not None)
    return replace(walk.add(entry, "concatenate", {}, *xs), shape=(*xs[0].shape[:2], total))


def _multiply(walk: Walk, entry: Entry, taken: Sequence[Reached]) -> Reached:
    """Multiply an image by a gate, a pixel; or x by its own hard sigmoid, which is a hard swish."""
    waiting = [x for x in taken if x.pending and x.pending.what == "hard_sigmoid"]
    if len(taken) == 2 and len(waiting) == 1 and all(x.source == waiting[0].source and x.form == waiting[0].form for x in taken):
        other = next(x for x in taken if x is not waiting[0])
        if other.pending is None:
            return walk.add(entry, "hard_swish", {}, other)
    xs = [walk.settle(x) for x in taken]
    image, gate = (next((x for x in xs if x.form == form), None) for form in ("image", "pixel"))
    if len(xs) != 2 or image is None or gate is None:
        raise entry.refusal("multiplies something else than an image by one number for each channel, from a pool over the whole image")
    if None not in (image.shape[2], gate.shape[2]) and image.shape[2] != gate.shape[2]:
        raise entry.refusal(f"multiplies {image.shape[2]} channels by {gate.shape[2]} numbers")
    gate.check_order(entry)
    return walk.add(entry, "multiply", {}, image, gate)


def _with_number(walk: Walk, call: Call, kind: str, taken: Sequence[Reached]) -> Reached:
    """Take one of the formulas x + 3 and y / 6, which wait for the rest."""
    entry, x, number = call.entry, taken[0], next(iter(call.numbers.values()))
    waits = x.pending.what if x.pending else None
    if len(taken) != 1 or len(call.numbers) != 1 or not is_number(number):
        raise entry.refusal("is a formula that is not supported")
    if kind == "Add" and number == 3:
        return walk.settle(x).waits("plus 3", entry)
    if kind == "Multiply" and waits == "relu6" and math.isclose(number, 1 / 6, rel_tol=1e-6):
        return x.waits("hard_sigmoid", entry)
    raise entry.refusal(f"is a formula with the number {written(number)}; only relu6(x + 3) / 6 is known")


def _alike(walk: Walk, entry: Entry, taken: Sequence[Reached]) -> list[Reached]:
    """Settle what waits, and compare what kinds they are."""
    xs = [walk.settle(x) for x in taken]
    if len({x.form for x in xs}) > 1:
        raise entry.refusal("joins an image and one row of numbers, or one pixel; expected images of equal size")
    for x in xs:
        x.check_order(entry)
    return xs


