"""What a file calls a layer, so that people find it again: the module's name in PyTorch, the layer's in Keras.

=================================  ==========================================  ==================
written by                         where the name is                           for example
=================================  ==========================================  ==================
PyTorch, both exporters            a weight: features.0.weight                 features.0
PyTorch, TorchScript               a node: /features/features.2/Relu           features.2
PyTorch since 2.5                  a node's metadata, the modules around it    features.2
tf2onnx, Keras with TensorFlow     a weight or a node: model/conv2d_1/BiasAdd  conv2d_1
=================================  ==========================================  ==================
"""

from __future__ import annotations

import re
from typing import Any

SCOPES = "pkg.torch.onnx.name_scopes"

#: Names that TensorFlow puts before the model's.
CALLS = ("StatefulPartitionedCall", "PartitionedCall")


def layer_name(proto: Any, weight: str = "") -> str:
    """Return the name of the layer that a node, with such a weight, was made for; empty if the file does not say.

    Parameters
    ----------
    proto : NodeProto
    weight : str
        The name of its first weight, if it has one.
    """
    module, _, field = weight.rpartition(".")
    if module and field == "weight" and "/" not in weight:
        return _plain(module)
    for entry in proto.metadata_props:
        if entry.key == SCOPES:
            scopes = re.findall("'([^']*)'", entry.value[:4096])
            return _plain(scopes[-2]) if len(scopes) > 1 else ""
    if proto.name.startswith("/"):
        return _plain(_torch_module(proto.name.split("/")[1:-1]))
    return _plain(_keras_layer(weight) or _keras_layer(proto.name))


def _torch_module(scopes: list[str]) -> str:
    """Put a module's name together: of "layer1", "layer1.0", "conv1" it is "layer1.0.conv1"."""
    name, before = "", ""
    for scope in scopes:
        inside = before and scope.startswith(f"{before}.")
        name = name + scope[len(before) :] if inside else f"{name}.{scope}" if name else scope
        before = scope
    return name


def _keras_layer(path: str) -> str:
    parts = path.split("/")
    while parts[0] in CALLS and len(parts) > 1:
        parts = parts[1:]
    return parts[1] if len(parts) > 2 else ""


def _plain(name: str) -> str:
    """Return a name if it is one: short, of letters, numbers, dots and underscores."""
    return name if re.fullmatch(r"[A-Za-z0-9_.\-]{1,60}", name) else ""
