"""A network of ours rebuilt in PyTorch, for the scripts that make the references."""

from collections import OrderedDict

import numpy as np
import torch

from minicnn.layers import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    MaxPool2D,
    ReLU,
)


class Mean(torch.nn.Module):
    """Global average pooling."""

    def forward(self, x):
        return x.mean((2, 3))


class FlattenChannelsLast(torch.nn.Module):
    """One row for each image, in our order: H, W, C."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def in_pytorch(network):
    """Build a torch.nn.Sequential with the same layers, by the same names and in the same precision."""
    return torch.nn.Sequential(OrderedDict((name, _module(layer)) for name, layer in network.layers.items()))


def layer_by_layer(network, x):
    """Run a torch.nn.Sequential; return the output of every layer by name."""
    outputs = {}
    for name, layer in network.named_children():
        x = outputs[name] = layer(x)
    return outputs


def channels_first(x):
    """Turn our (N, H, W, C) into a tensor (N, C, H, W) that takes gradients."""
    return torch.tensor(np.moveaxis(x, 3, 1).copy(), requires_grad=True)


def channels_last(tensor):
    """Turn a tensor into our array: (N, C, H, W) into (N, H, W, C), anything else as it is."""
    array = tensor.detach().numpy()
    return np.moveaxis(array, 1, 3) if array.ndim == 4 else array


def _module(layer):
    if isinstance(layer, Conv2D):
        height, width, inputs, filters = layer.weight.shape
        module = torch.nn.Conv2d(inputs, filters, (height, width), layer.window.stride, layer.window.before)
        return _with_parameters(module, layer.weight.transpose(3, 2, 0, 1), layer.bias)
    if isinstance(layer, Dense):
        return _with_parameters(torch.nn.Linear(*layer.weight.shape), layer.weight.T, layer.bias)
    if isinstance(layer, MaxPool2D):
        return torch.nn.MaxPool2d(layer.window.kernel_size, layer.window.stride, layer.window.before)
    others = {ReLU: torch.nn.ReLU, GlobalAveragePool2D: Mean, Flatten: FlattenChannelsLast, Dropout: torch.nn.Identity}
    return others[type(layer)]()


def _with_parameters(module, weight, bias):
    module.weight = torch.nn.Parameter(torch.tensor(weight.copy()))
    module.bias = torch.nn.Parameter(torch.tensor(bias))
    return module
