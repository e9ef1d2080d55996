"""Why a node cannot be read."""

from __future__ import annotations

from typing import Any

from minicnn.errors import WeightFileError
from minicnn.weightfiles.stored import shown

#: What can be done about a network that cannot be read.
ADVICE = "Else give its weights in another format (.safetensors, .pth, .h5) and describe the network in a .toml, with layers of your own"


class RefusedError(Exception):
    """What is wrong with a node, to be continued after its name: "is dilated". Who walks along the nodes adds which one it is."""


def refusal(proto: Any, why: str) -> WeightFileError:
    """Make the error that names a node, and what is wrong with it."""
    name = proto.name or (proto.output[0] if proto.output else "")
    return WeightFileError(f"its node {shown(name)!r} ({shown(proto.op_type)}) {why}. {ADVICE}")
