"""Which of PyTorch's modules is which of our layers, and with which options.

Everything of a module that has a part in its answer is either an option of our layer or has to have the one value that our layer computes
with; else there is no layer of ours for it. `inplace`, `momentum` and what serves training alone have no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from minicnn.weightfiles.pickles import Marker
from minicnn.weightfiles.stored import Module, shown

#: Where PyTorch's own modules are.
OWN = "torch.nn.modules."

#: The word of modules that leave everything as it is.
NOTHING = "dropout"

#: A layer's word and options, as descriptions have them; None if it is none of ours.
Read = tuple[str, dict[str, Any]] | None


@dataclass(frozen=True)
class Kind:
    """How a class of modules becomes a layer.

    Attributes
    ----------
    word : str
        The layer's.
    options : dict of str to str
        The layer's options, and the attributes that hold them.
    usual : dict of str to tuple
        Other attributes, and the values that the layer computes with. Older versions of PyTorch may lack some.
    """

    word: str
    options: Mapping[str, str] = field(default_factory=dict)
    usual: Mapping[str, tuple] = field(default_factory=dict)

    def read(self, state: Mapping[Any, Any]) -> Read:
        """Read a module's state."""
        if any(state.get(name, values[0]) not in values for name, values in self.usual.items()):
            return None
        options = {option: state[name] for option, name in self.options.items() if name in state}
        return (self.word, options) if all(map(_is_simple, options.values())) else None


def _as_it_is(*names: str) -> dict[str, str]:
    return {name: name for name in names}


SLIDES = _as_it_is("stride", "padding", "dilation", "groups")
POOLS = {"size": "kernel_size", **_as_it_is("stride", "padding", "ceil_mode")}
CONVOLUTION = Kind("convolution", SLIDES, {"padding_mode": ("zeros",)})
TRANSPOSED = Kind("transposed_convolution", {**SLIDES, "output_padding": "output_padding"}, {"padding_mode": ("zeros",)})
LAYER_NORM = Kind("layer_norm", {"epsilon": "eps"})


def _convolution(state: Mapping[Any, Any]) -> Read:
    """Also with the padding "valid" and "same": of an odd number, the right and the bottom have one more."""
    kind = TRANSPOSED if state.get("transposed") is True else CONVOLUTION
    found, padding = kind.read(state), state.get("padding")
    if found is None or not isinstance(padding, str):
        return found
    word, options = found
    if padding == "valid":
        return word, {**options, "padding": 0}
    size, dilation = state.get("kernel_size"), state.get("dilation")
    if padding != "same" or not isinstance(size, tuple) or not isinstance(dilation, tuple) or not _is_pair(size) or not _is_pair(dilation):
        return None
    totals = [apart * (side - 1) for side, apart in zip(size, dilation)]
    return word, {**options, "padding": [[total // 2, total - total // 2] for total in totals]}


def _adaptive(method: str) -> Callable[[Mapping[Any, Any]], Read]:
    def read(state: Mapping[Any, Any]) -> Read:
        size = state.get("output_size")
        if size in (1, (1, 1)):
            return f"global_{method}_pool", {}
        return (f"adaptive_{method}_pool", {"size": size}) if isinstance(size, int) or _is_pair(size) else None

    return read


def _relu6(state: Mapping[Any, Any]) -> Read:
    limits = (state.get("min_val"), state.get("max_val"))
    return ("relu6", {}) if limits == (0, 6) else None


def _upsample(state: Mapping[Any, Any]) -> Read:
    """By whole factors, and with `align_corners` false."""
    factor, method = state.get("scale_factor"), state.get("mode")
    factors = factor if isinstance(factor, tuple) else (factor, factor)
    whole = [int(number) for number in factors if isinstance(number, (int, float)) and number in range(1, 1000)]
    if len(whole) != 2 or len(factors) != 2 or state.get("size") is not None or method not in ("nearest", "bilinear"):
        return None
    return None if state.get("align_corners") else ("upsample", {"factor": whole, "method": method})


def _zero_padding(state: Mapping[Any, Any]) -> Read:
    padding = state.get("padding")
    if not isinstance(padding, tuple) or len(padding) != 4 or not all(type(side) is int for side in padding):
        return None
    left, right, top, bottom = padding
    return "zero_padding", {"padding": [[top, bottom], [left, right]]}


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(type(item) is int for item in value)


def _is_simple(value: Any) -> bool:
    """Tell whether a value is a number, a text or a pair of numbers, not something that may be large."""
    return isinstance(value, (int, float, str)) or _is_pair(value)


#: How PyTorch's own classes become layers.
CLASSES: dict[str, Callable[[Mapping[Any, Any]], Read]] = {
    "Conv2d": _convolution,
    "ConvTranspose2d": _convolution,
    "MaxPool2d": Kind("max_pool", POOLS, {"dilation": (1, (1, 1))}).read,
    "AvgPool2d": Kind("average_pool", {**POOLS, "count_include_pad": "count_include_pad"}, {"divisor_override": (None,)}).read,
    "AdaptiveAvgPool2d": _adaptive("average"),
    "AdaptiveMaxPool2d": _adaptive("max"),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "SyncBatchNorm"), Kind("batch_norm").read),
    "LayerNorm": LAYER_NORM.read,
    "LocalResponseNorm": Kind("local_response_norm", _as_it_is("size", "alpha", "beta", "k")).read,
    "Linear": Kind("dense").read,
    "PReLU": Kind("prelu").read,
    "ReLU": Kind("relu").read,
    **dict.fromkeys(("ReLU6", "Hardtanh"), _relu6),
    "LeakyReLU": Kind("leaky_relu", {"slope": "negative_slope"}).read,
    "ELU": Kind("elu", {"alpha": "alpha"}).read,
    "GELU": Kind("gelu", {"approximate": "approximate"}).read,
    "SiLU": Kind("silu").read,
    "Sigmoid": Kind("sigmoid").read,
    "Tanh": Kind("tanh").read,
    "Hardswish": Kind("hard_swish").read,
    "Hardsigmoid": Kind("hard_sigmoid").read,
    **dict.fromkeys(("Softmax", "LogSoftmax"), Kind("softmax", usual={"dim": (1, -1, -3)}).read),
    **dict.fromkeys(("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"), _upsample),
    "ZeroPad2d": _zero_padding,
    "ChannelShuffle": Kind("channel_shuffle", _as_it_is("groups")).read,
    "Flatten": Kind("flatten", usual={"start_dim": (1,), "end_dim": (-1,)}).read,
    **dict.fromkeys(("Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout"), Kind(NOTHING).read),
}

#: What people are told of a module.
TOLD = (
    *("kernel_size", "output_size", "size", "stride", "padding", "dilation", "padding_mode", "ceil_mode", "count_include_pad"),
    *("divisor_override", "scale_factor", "mode", "align_corners", "approximate", "negative_slope", "alpha", "eps", "dim"),
)

#: What holds other modules, and lets a program of its own run them.
CONTAINERS = ("Module", "Sequential", "ModuleList", "ModuleDict", "Container")


def module_of(name: str, marker: Marker) -> Module | None:
    """Tell what a module is, by what a pickle says of it; None if it only holds others, or is of a loss.

    A class that is not PyTorch's own, but has the weights and all the attributes of a convolution or a layer normalization, is taken for a
    kind of it.
    """
    state, inner = marker.state, marker.state["_modules"]
    own = marker.name.startswith(OWN)
    cls = marker.name.rpartition(".")[2]
    if own and (cls in CONTAINERS or marker.name.startswith(f"{OWN}loss.")):
        return None
    read = CLASSES.get(cls) if own else None
    if not own and _has_weights(state):
        if {*SLIDES, "padding_mode"} <= state.keys():
            read = _convolution
        elif {"normalized_shape", "eps"} <= state.keys():
            read = LAYER_NORM.read
    if read is None and not own and (inner or _has_weights(state)):
        return None
    found = read(state) if read is not None else None
    return Module(name, _said(marker, cls), own, *(found or ()))


def _has_weights(state: Mapping[Any, Any]) -> bool:
    parameters = state["_parameters"]
    return isinstance(parameters, dict) and "weight" in parameters


def _said(marker: Marker, cls: str) -> str:
    """Write a module for people: its class, and what was given to it."""
    values = {name: marker.state[name] for name in TOLD if _is_simple(marker.state.get(name))}
    written = [f"{name} {shown(' x '.join(map(str, value)) if isinstance(value, tuple) else str(value))}" for name, value in values.items()]
    return " with ".join([shown(cls), *([", ".join(written)] if written else [])])
