"""A line of our layers in PyTorch, with the same weights, to compare with; used by several scripts."""

import math
from collections import OrderedDict

from minicnn.layers import Conv2D, Dense, Dropout, Flatten, GlobalAveragePool2D, MaxPool2D, ReLU


def as_torch(network, form, inplace=True):
    """Build the same network in PyTorch, in a memory format; a module has its layer's name.

    Parameters
    ----------
    network : Network
        A line of layers that are named here.
    form : torch.memory_format
    inplace : bool
        Whether ReLUs write over their input, which some methods do not bear.
    """
    import torch

    modules, channels = {}, None
    for name, layer in network.layers.items():
        if isinstance(layer, Conv2D):
            if layer.groups > 1 or layer.window.dilation != (1, 1) or any(before != after for before, after in layer.window.padding):
                raise TypeError(f"{name} has groups, a dilation or an uneven padding, for which there is no module here")
            channels = layer.weight.shape[3]
            module = torch.nn.Conv2d(*layer.weight.shape[2:], layer.window.kernel_size, layer.window.stride, layer.window.before)
            module.weight.data, module.bias.data = torch.tensor(layer.weight.transpose(3, 2, 0, 1).copy()), torch.tensor(layer.bias)
        elif isinstance(layer, Dense):
            weight = layer.weight
            if isinstance(list(modules.values())[-1], torch.nn.Flatten):  # PyTorch flattens in the order C, H, W
                side = math.isqrt(len(weight) // channels)
                weight = weight.reshape(side, side, channels, -1).transpose(2, 0, 1, 3).reshape(weight.shape)
            module = torch.nn.Linear(*weight.shape)
            module.weight.data, module.bias.data = torch.tensor(weight.T.copy()), torch.tensor(layer.bias)
        elif isinstance(layer, ReLU):
            module = torch.nn.ReLU(inplace)
        elif isinstance(layer, MaxPool2D):
            module = torch.nn.MaxPool2d(layer.window.kernel_size, layer.window.stride)
        elif isinstance(layer, GlobalAveragePool2D):
            module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        elif isinstance(layer, Flatten):
            module = torch.nn.Flatten()
        elif isinstance(layer, Dropout):
            continue
        else:
            raise TypeError(f"{name} is a {type(layer).__name__}, for which there is no module here")
        modules[name] = module.requires_grad_(False)
    return torch.nn.Sequential(OrderedDict(modules)).to(memory_format=form).eval()
