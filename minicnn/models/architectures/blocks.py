"""What the families have in common: convolutions that keep the size, with what usually follows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from minicnn.geometry import Pair, Sides
from minicnn.models.specs import LayerSpec, Specs, spec


def convolution(filters: int, size: int | Pair, *below: str, padding: int | Sides | None = None, **options) -> LayerSpec:
    """A convolution, by default padded so that the image keeps its size, up to the stride."""
    vertical, horizontal = (size, size) if isinstance(size, int) else size
    usual = ((vertical - 1) // 2, (horizontal - 1) // 2)
    return spec("convolution", *below, filters=filters, size=size, padding=usual if padding is None else padding, **options)


def normalized(names: tuple[str, ...], layer: LayerSpec, activation: str | None = "relu", epsilon: float = 1e-5) -> Specs:
    """A convolution without biases, batch normalization and, unless it is None, an activation, called by these names."""
    layers = {names[0]: layer._replace(options={**layer.options, "use_bias": False}), names[1]: spec("batch_norm", epsilon=epsilon)}
    return layers if activation is None else {**layers, names[2]: spec(activation)}


def numbered(name: str) -> tuple[str, str, str]:
    """Name a convolution, its normalization and its activation as the modules of a PyTorch Sequential: name.0, name.1, name.2."""
    return f"{name}.0", f"{name}.1", f"{name}.2"


def gate(name: str, channels: int, squeezed: int, below: str, activation: str, gating: str) -> Specs:
    """A squeeze-and-excitation gate: the mean of each channel tells, through two dense layers, by how much each channel counts.

    References
    ----------
    J. Hu, L. Shen, G. Sun, "Squeeze-and-Excitation Networks", arXiv:1709.01507.
    """
    return {
        f"{name}.avgpool": spec("global_average_pool", below),
        f"{name}.fc1": spec("dense", units=squeezed),
        f"{name}.activation": spec(activation),
        f"{name}.fc2": spec("dense", units=channels),
        f"{name}.scale_activation": spec(gating),
        f"{name}.scale": spec("multiply", below, f"{name}.scale_activation"),
    }


def divisible(channels: float, by: int = 8) -> int:
    """Round a number of channels to a multiple of 8, as the mobile networks do: not by more than a tenth down."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


def last(layers: Specs) -> str:
    """The name of the last layer."""
    return list(layers)[-1]


class Inverted(NamedTuple):
    """The numbers of an inverted residual block."""

    channels: int
    expanded: int
    filters: int
    size: int
    stride: int = 1


def inverted_residual(
    name: str,
    below: str,
    plan: Inverted,
    names: Sequence[tuple[str, str, str]],
    activation: str,
    gates: Callable[[str], Specs] | None = None,
    epsilon: float = 1e-5,
    padding: Sides | None = None,
) -> Specs:
    """Expand the channels with 1x1, filter each alone, perhaps gate them, and take them back together with 1x1.

    The residual runs between the few channels, not between the many: so it is inverted.

    Parameters
    ----------
    name, below : str
        Of the block, and of what it takes.
    plan : Inverted
        Where the expanded channels are those that there are, the first convolution is left out.
    names : sequence of (convolution, normalization, activation)
        Of the convolutions that there are.
    activation : str
        After the first two convolutions.
    gates : function, optional
        From the name of what the gate takes to its layers.
    epsilon : float
        Of the batch normalizations.
    padding : ((top, bottom), (left, right)), optional
        Of the depthwise convolution; by default what keeps the size.

    References
    ----------
    M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381.
    """
    channels, expanded, filters, size, stride = plan
    layers: dict[str, LayerSpec] = {}
    if expanded != channels:
        layers |= normalized(names[0], convolution(expanded, 1, below), activation, epsilon)
    depthwise = convolution(expanded, size, last(layers) if layers else below, stride=stride, groups=expanded, padding=padding)
    layers |= normalized(names[-2], depthwise, activation, epsilon)
    if gates is not None:
        layers |= gates(last(layers))
    layers |= normalized(names[-1], convolution(filters, 1), None, epsilon)
    if stride == 1 and filters == channels:
        layers[f"{name}.add"] = spec("add", last(layers), below)
    return layers
