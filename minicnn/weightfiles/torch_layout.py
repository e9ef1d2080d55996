"""How PyTorch names and lays out a network's arrays, whatever file they are in.

    LAYER.weight         (filters, input channels, height, width), or (outputs, inputs), or (channels,); of a transposed convolution
                         (input channels, filters, height, width)
    LAYER.bias           (filters,) ...
    LAYER.running_mean, LAYER.running_var, LAYER.num_batches_tracked      only of batch normalization
    BLOCK.layer_scale    (channels, 1, 1)                                 an array that is no module's own

Wrappers put a name of their own before all others, as DataParallel's "module."; these are taken off. Layers that were called otherwise
when PyTorch allowed dots in names, as in the published DenseNets, get today's names. A network may hold the numbers of its preprocessing,
too, as "normalize.mean" and "normalize.std". What else there is changes the network's answer in ways that are not known, unless it only
counts something.

A layer of which there are only numbers for each channel, a weight and perhaps a bias, may be a layer normalization, a PReLU, a scale; and a
transposed convolution looks like a convolution that has other biases. The file does not tell, so that only a network whose layer has the
same name takes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np

from minicnn.errors import WeightFileError, listed
from minicnn.weightfiles.stored import OTHER, Module, StoredLayer, check_arrays, shown, stored_layer

T = TypeVar("T")

FIELDS = {"weight": "weight", "bias": "bias", "running_mean": "mean", "running_var": "variance"}

#: The factors for each channel at the end of a residual branch.
LAYER_SCALE = "layer_scale"

#: What wrappers put before all names: DataParallel, torch.compile, Lightning and other training scripts.
WRAPPERS = ("module", "_orig_mod", "model", "net", "network", "backbone", "encoder", "ema_model")

#: A name with a dot that is one no more: denselayer1.norm.1 in the DenseNets of before PyTorch 0.4, which torchvision still publishes.
DOTTED = re.compile(r"(\bdenselayer[0-9]+\.(?:norm|conv))\.([12])")

#: What counts something, and has no part in the answer: batches, what profilers measure, and right and wrong answers.
COUNTS = ("num_batches_tracked", "total_ops", "total_params", "n_averaged", "tp", "fp", "tn", "fn")

#: What a loss is called that lies beside the network in one object; it has no part in the answer, either.
LOSSES = ("criterion", "loss", "loss_fn", "loss_func")

#: The mean color of ImageNet, red first, as published networks have it in levels of 255; for the order of the colors of others.
IMAGENET_MEAN = (123.675, 116.28, 103.53)

#: What the numbers of a preprocessing are called: mean and standard deviation.
STATISTICS = (("mean", "std"), ("pixel_mean", "pixel_std"), ("image_mean", "image_std"), ("norm_mean", "norm_std"))


class TorchTensors:
    """A network's tensors, sorted out.

    Parameters
    ----------
    tensors : dict of str to array
        By the names of the state_dict.
    epsilons : dict of str to float
        Of batch normalizations, by the names of the layers, where they are known.
    temporary : collection of str
        Those that the state_dict leaves out. Numbers of a preprocessing among them are used; what others are for is not known.
    modules : dict of str to Module
        What the network's modules are, by the names of the layers, where they are known.

    Attributes
    ----------
    layers : list of StoredLayer
        In the order in which the tensors come.
    preprocessing : dict or None
        What the file says of it, as a table of descriptions.
    modules : list of Module
        Those of the network, without losses.
    ignored : list of str
        Tensors that have no part in the network's answer.

    Raises
    ------
    WeightFileError
        If there are no layers, or tensors that belong to no layer of ours.
    """

    def __init__(
        self,
        tensors: Mapping[str, np.ndarray],
        epsilons: Mapping[str, float] | None = None,
        temporary: Collection[str] = (),
        modules: Mapping[str, Module] | None = None,
    ):
        tensors, begin = _unwrapped(tensors)
        left_out = {name.removeprefix(begin) for name in temporary}
        known = {layer.removeprefix(begin): epsilon for layer, epsilon in (epsilons or {}).items()}
        named = {name.removeprefix(begin): module for name, module in (modules or {}).items() if name.startswith(begin)}
        tensors, known, named = _undotted(tensors), _undotted(known), _undotted(named)
        self.modules = [replace(module, name=name) for name, module in named.items() if name.partition(".")[0] not in LOSSES]
        self.preprocessing, used = _preprocessing(tensors)
        self.ignored: list[str] = []
        grouped: dict[str, dict[str, np.ndarray]] = {}
        for name, tensor in tensors.items():
            layer, _, field = name.rpartition(".")
            if name.partition(".")[0] in LOSSES:
                self.ignored.append(name)
            elif field in FIELDS:
                grouped.setdefault(layer, {})[FIELDS[field]] = channels_last(tensor)
            elif field == LAYER_SCALE and tensor.shape[1:] == (1, 1) and f"{name}.weight" not in tensors:
                grouped[name] = {"weight": tensor[:, 0, 0]}
            elif field in COUNTS or (tensor.dtype.kind != "f" and tensor.size == 1) or (name in used and self.preprocessing is None):
                if field != "num_batches_tracked":
                    self.ignored.append(name)
            elif name in left_out - set(used):
                self.ignored.append(name)
            elif name not in used:
                raise WeightFileError(
                    f"there is a tensor {shown(name)!r}; expected only those named {', '.join(FIELDS)}, of convolutions, dense layers and "
                    "batch normalization"
                )
        if not grouped:
            raise WeightFileError("the file holds no tensors with names; expected a network's weights (its state_dict)")
        self.layers: list[StoredLayer] = [_stored(layer, arrays, known.get(layer)) for layer, arrays in grouped.items()]

    @property
    def metadata(self) -> dict[str, str]:
        """What there is to say of the tensors that are no weights."""
        return {"ignored": listed([shown(name) for name in self.ignored])} if self.ignored else {}


def _unwrapped(tensors: Mapping[str, np.ndarray]) -> tuple[Mapping[str, np.ndarray], str]:
    """Take the names of wrappers off, as long as all tensors but those that count something have one and the same; returns it, too."""
    taken = ""
    while True:
        begins = {name.partition(".")[0] for name in tensors if name.rpartition(".")[2] not in COUNTS}
        if len(begins) != 1 or (begin := next(iter(begins))) not in WRAPPERS:
            return tensors, taken
        if any(name.count(".") < 2 for name in tensors if name.startswith(f"{begin}.")):
            return tensors, taken  # "model.weight" is a layer called model
        taken += f"{begin}."
        tensors = {name.removeprefix(f"{begin}."): tensor for name, tensor in tensors.items()}


def _undotted(named: Mapping[str, T]) -> dict[str, T]:
    """Give what is called as in an old DenseNet the name that it has now, unless there is something of that name."""
    news = {name: DOTTED.sub(r"\1\2", name) for name in named}
    return {name if news[name] in named else news[name]: value for name, value in named.items()}


def _preprocessing(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, object] | None, list[str]]:
    """Read the preprocessing that a network holds, for pixels from 0 to 1 or, if its numbers are above 1, to 255.

    Returns
    -------
    table : dict or None
    names : list of str
        Of the tensors that it was read from.
    """
    for name, mean in tensors.items():
        prefix, dot, field = name.rpartition(".")
        other = dict(STATISTICS).get(field)
        std = tensors.get(f"{prefix}{dot}{other}") if other else None
        if std is None or mean.size not in (1, 3) or std.size != mean.size or max(mean.shape, default=1) != mean.size:
            continue
        means, stds = (np.array([float(str(number)) for number in array.ravel()]) for array in (mean, std))  # 0.485, as it was written
        if not np.isfinite(means).all() or not np.isfinite(stds).all() or stds.min() <= 0 or means.min() < 0 or means.max() > 255:
            continue
        pair = [name, f"{prefix}{dot}{other}"]
        if not means.any() and (stds == 1).all():
            return None, pair  # changes nothing, and does not tell what the pixels are
        scale = 1.0 if max(means.max(), stds.max()) > 1 else 1 / 255
        blue_first = mean.size == 3 and np.abs(means[::-1] / scale / 255 - np.array(IMAGENET_MEAN) / 255).max() < 0.01
        colors = "gray" if mean.size == 1 else "bgr" if blue_first else "rgb"
        step = -1 if blue_first else 1  # a table has red first
        return {"colors": colors, "scale": scale, "mean": means[::step].tolist(), "std": stds[::step].tolist()}, pair
    return None, []


def _stored(name: str, arrays: Mapping[str, np.ndarray], epsilon: float | None) -> StoredLayer:
    """Make a layer of the arrays that a file holds for it; raises what `stored_layer` does."""
    check_arrays(name, arrays)
    return StoredLayer(name, OTHER, arrays) if _is_other(arrays) else stored_layer(name, arrays, epsilon if "mean" in arrays else None)


def _is_other(arrays: Mapping[str, np.ndarray]) -> bool:
    """Tell whether there are only numbers for each channel, or as many biases as a transposed convolution has."""
    weight = arrays.get("weight")
    if weight is None or arrays.keys() - {"weight", "bias"}:
        return False
    biases = arrays["bias"].shape if "bias" in arrays else weight.shape[-1:]
    transposed = weight.ndim == 4 and len(biases) == 1 and biases != weight.shape[3:] and biases[0] % weight.shape[2] == 0
    return transposed or (weight.ndim == 1 and biases == weight.shape)


def channels_last(tensor: np.ndarray) -> np.ndarray:
    """View a tensor in our layout: kernels (height, width, inputs, filters), dense weights (inputs, outputs)."""
    return tensor.transpose({4: (2, 3, 1, 0), 2: (1, 0)}.get(tensor.ndim, range(tensor.ndim)))


def from_bfloat16(numbers: np.ndarray) -> np.ndarray:
    """Turn bfloat16 numbers, given as uint16, into float32: they are its upper half."""
    return (numbers.astype(np.uint32) << 16).view(np.float32)
