"""Layers with several inputs, and formulas: sums and products that Keras writes as layers.

Of formulas with numbers only relu6(x + 3) / 6, the hard sigmoid, is known, as Keras' MobileNetV3 has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from minicnn.weightfiles.keras.entries import Call, Entry, is_number, written
from minicnn.weightfiles.keras.gathered import Gathered
from minicnn.weightfiles.keras.reached import Reached
from minicnn.weightfiles.stored import shown

#: Classes that join. For formulas Keras 3 has the same ones, tf.keras one for all, with the name of a function.
TF_FORMULA = "TFOpLambda"
JOINS = ("Add", "Multiply", "Concatenate", TF_FORMULA)
TF_FUNCTIONS = {"__operators__.add": "Add", "math.add": "Add", "math.multiply": "Multiply"}


def join(net: Gathered, call: Call, taken: Sequence[Reached]) -> Reached:
    """Take a layer or a formula that joins what several layers give."""
    entry = call.entry
    kind = entry.class_name
    if kind == TF_FORMULA:
        function = entry.text("function", "")
        if function not in TF_FUNCTIONS:
            raise entry.refusal(f"is the function {shown(function)}, which is not supported")
        kind = TF_FUNCTIONS[function]
    if call.numbers:
        return _with_number(net, call, kind, taken)
    if len(taken) < 2:
        raise entry.refusal("takes the output of one layer; expected two or more")
    if kind == "Multiply":
        return _multiply(net, entry, taken)
    return _add(net, entry, taken) if kind == "Add" else _concatenate(net, entry, taken)


def _add(net: Gathered, entry: Entry, taken: Sequence[Reached]) -> Reached:
    xs = _alike(net, entry, taken)
    if any(a is not None and b is not None and a != b for x in xs for a, b in zip(x.shape, xs[0].shape)):
        raise entry.refusal("adds images of different shapes; expected equal ones")
    return net.add(entry, "add", {}, *xs)


def _concatenate(net: Gathered, entry: Entry, taken: Sequence[Reached]) -> Reached:
    xs = _alike(net, entry, taken)
    axis = entry.config.get("axis", -1)
    if not net.is_channel_axis(axis, xs[0]):
        raise entry.refusal(f"concatenates along another axis ({written(axis)}) than that of the channels")
    channels = [x.shape[2] for x in xs]
    total = None if None in channels else sum(count for count in channels if count is not None)
    return replace(net.add(entry, "concatenate", {}, *xs), shape=(*xs[0].shape[:2], total))


def _multiply(net: Gathered, entry: Entry, taken: Sequence[Reached]) -> Reached:
    """Multiply an image by a gate, a pixel; or x by its own hard sigmoid, which is a hard swish."""
    waiting = [x for x in taken if x.pending and x.pending.what == "hard_sigmoid"]
    if len(taken) == 2 and len(waiting) == 1 and all(x.source == waiting[0].source and x.form == waiting[0].form for x in taken):
        other = next(x for x in taken if x is not waiting[0])
        if other.pending is None:
            return net.add(entry, "hard_swish", {}, other)
    xs = [net.settle(x) for x in taken]
    image, gate = (next((x for x in xs if x.form == form), None) for form in ("image", "pixel"))
    if len(xs) != 2 or image is None or gate is None:
        raise entry.refusal("multiplies something else than an image by one number for each channel, from a pool over the whole image")
    if None not in (image.shape[2], gate.shape[2]) and image.shape[2] != gate.shape[2]:
        raise entry.refusal(f"multiplies {image.shape[2]} channels by {gate.shape[2]} numbers")
    gate.check_order(entry)
    return net.add(entry, "multiply", {}, image, gate)


def _with_number(net: Gathered, call: Call, kind: str, taken: Sequence[Reached]) -> Reached:
    """Take one of the formulas x + 3 and y / 6, which wait for the rest."""
    entry, x, number = call.entry, taken[0], next(iter(call.numbers.values()))
    waits = x.pending.what if x.pending else None
    if len(taken) != 1 or len(call.numbers) != 1 or not is_number(number):
        raise entry.refusal("is a formula that is not supported")
    if kind == "Add" and number == 3:
        return net.settle(x).waits("plus 3", entry)
    if kind == "Multiply" and waits == "relu6" and math.isclose(number, 1 / 6, rel_tol=1e-6):
        return x.waits("hard_sigmoid", entry)
    raise entry.refusal(f"is a formula with the number {written(number)}; only relu6(x + 3) / 6 is known")


def _alike(net: Gathered, entry: Entry, taken: Sequence[Reached]) -> list[Reached]:
    """Settle what waits, and compare what kinds they are."""
    xs = [net.settle(x) for x in taken]
    if len({x.form for x in xs}) > 1:
        raise entry.refusal("joins an image and one row of numbers, or one pixel; expected images of equal size")
    for x in xs:
        x.check_order(entry)
    return xs
