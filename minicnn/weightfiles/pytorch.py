"""PyTorch's weight files (.pth, .pt), zip archives and the older sequence of pickles; read without PyTorch, and without running them.

    zip       ARCHIVE/data.pkl: a dictionary of tensors, which name their storages; ARCHIVE/data/KEY: the numbers of a storage
    legacy    pickles of a magic number, a version, the machine's byte order, the dictionary, and a list of keys; then for each key the
              number of elements (8 bytes) and the numbers

A tensor is rebuilt from a storage, an offset, sizes and strides; all are checked to lie within the file before anything is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from minicnn.errors import WeightFileError
from minicnn.weightfiles.archives import Archive
from minicnn.weightfiles.checkpoints import choose_network
from minicnn.weightfiles.modules import PREPARED, Storage, Tensor
from minicnn.weightfiles.pickles import LONGEST_PICKLE, Marker, read_pickle
from minicnn.weightfiles.stored import Budget, WeightFile, shown
from minicnn.weightfiles.torch_layout import TorchTensors, from_bfloat16

#: The number that legacy files begin with, and their version.
LEGACY_MAGIC, LEGACY_VERSION = 0x1950A86A20F9469CFC6C, 1001

#: The order of a number's bytes: the least significant first, or last.
Order = Literal["<", ">"]

#: The types of storages that hold numbers, by PyTorch's names: NumPy's, and whether these are the bits of bfloat16.
STORAGE_TYPES = {
    "FloatStorage": ("f4", False),
    "HalfStorage": ("f2", False),
    "DoubleStorage": ("f8", False),
    "BFloat16Storage": ("u2", True),
    "LongStorage": ("i8", False),
    "IntStorage": ("i4", False),
    "ShortStorage": ("i2", False),
    "CharStorage": ("i1", False),
    "ByteStorage": ("u1", False),
    "BoolStorage": ("u1", False),
}


@dataclass(frozen=True)
class StorageType:
    """The type of a storage's numbers; bfloat16 is read as its bits."""

    code: str
    bfloat16: bool = False


def _rebuild_tensor(*arguments) -> Tensor:
    """Note what a tensor is made of; whether it can be comes later."""
    if len(arguments) < 4:
        raise WeightFileError("its pickle rebuilds a tensor from too little; get the file again")
    storage, offset, shape, strides = arguments[:4]
    if isinstance(storage, Marker):
        raise WeightFileError(storage.why or f"its numbers are in {shown(storage.name)}, which is not known")
    numbers = (offset, *shape, *strides) if isinstance(shape, tuple) and isinstance(strides, tuple) else ()
    whole = numbers and all(type(number) is int and 0 <= number < 1 << 48 for number in numbers)
    if not isinstance(storage, Storage) or not whole or len(shape) != len(strides) or len(shape) > 8:
        raise WeightFileError(
            "its pickle rebuilds a tensor from something else than a storage, an offset, sizes and strides; get the file again"
        )
    return Tensor(storage, offset, shape, strides)


def _rebuild_parameter(*arguments) -> Tensor:
    if not arguments or not isinstance(arguments[0], Tensor):
        raise WeightFileError("its pickle makes a parameter of something that is no tensor; get the file again")
    return arguments[0]


def _set(*arguments) -> list:
    """Make a list of what a set would hold, as `pickles` does."""
    return list(arguments[0]) if arguments and isinstance(arguments[0], (list, tuple)) else []


def _rebuild_from_type(*arguments) -> Tensor:
    """Rebuild a tensor of a class of its own: the function that rebuilds it, the class, the function's arguments, and a state."""
    if len(arguments) < 3 or arguments[0] not in (_rebuild_tensor, _rebuild_parameter) or not isinstance(arguments[2], tuple):
        raise WeightFileError("its pickle rebuilds a tensor in a way that is not known; save the state_dict again")
    return arguments[0](*arguments[2])


def _ordered_dict(*arguments) -> dict:
    """Make a dictionary, as Python 2 wrote them of a list of pairs."""
    pairs = arguments[0] if arguments else []
    if not isinstance(pairs, list) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
    ):
        raise WeightFileError("its pickle makes a dictionary of something that is no list of names and values; save the state_dict again")
    return dict(pairs)


#: All that names in a pickle may stand for.
ALLOWED: dict[str, Any] = {
    "collections.OrderedDict": _ordered_dict,
    "__builtin__.set": _set,
    "builtins.set": _set,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    **{f"torch.{name}": StorageType(*kind) for name, kind in STORAGE_TYPES.items()},
}


def read_pytorch_zip(archive: Archive, key: str | None = None) -> WeightFile:
    """Read weights from PyTorch's zip format; `key` as for `minicnn.weightfiles.read_weights`.

    Raises
    ------
    WeightFileError
        If it is damaged, or holds no network, or several to choose from.
    """
    pickled = [name for name in archive.members if name.endswith("data.pkl") and name.count("/") <= 1]
    if len(pickled) != 1:
        raise WeightFileError(f"it has {len(pickled)} parts named data.pkl; expected one")
    root = pickled[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in archive.members:
        raise WeightFileError("it is a TorchScript program; expected weights alone: save the module's state_dict")
    word = archive.stored(f"{root}byteorder")[:16].tobytes() if f"{root}byteorder" in archive.members else b"little"
    if word not in (b"little", b"big"):
        raise WeightFileError("its byte order is neither little nor big; get the file again")
    content = archive.stored(pickled[0])
    if content.size > LONGEST_PICKLE:
        raise WeightFileError(f"its pickle has {content.size:,} bytes; expected at most {LONGEST_PICKLE:,}")
    value, _ = read_pickle(content.tobytes(), ALLOWED, _storage)

    def find(storage: str) -> np.ndarray:
        return archive.stored(f"{root}data/{storage}")

    return _weight_file("PyTorch, zip", value, key, find, "<" if word == b"little" else ">", archive.budget)


def looks_like_pytorch_legacy(start: bytes) -> bool:
    """Tell whether a file's first bytes are a pickle of the legacy format's magic number."""
    binary = start[:1] == b"\x80" and LEGACY_MAGIC.to_bytes(10, "little") in start[:32]
    return binary or start.startswith(b"L%dL\n." % LEGACY_MAGIC)


def read_pytorch_legacy(path: Path, key: str | None = None) -> WeightFile:
    """Read weights from PyTorch's older format; raises as `read_pytorch_zip`."""
    content = np.memmap(path, np.uint8, mode="r")
    storages: dict[str, Storage] = {}

    def persistent(identifier: Any) -> Storage:
        storage = _storage(identifier)
        if storages.setdefault(storage.key, storage) != storage:
            raise WeightFileError(f"its pickle describes the storage {shown(storage.key)} in two ways; get the file again")
        return storage

    values, position = [], 0
    for _ in range(5):
        value, length = read_pickle(content[position : position + LONGEST_PICKLE].tobytes(), ALLOWED, persistent)
        values.append(value)
        position += length
    version, system, value, keys = values[1:]
    if version != LEGACY_VERSION or not isinstance(system, dict) or not isinstance(keys, list):
        raise WeightFileError(f"it is a PyTorch file of version {shown(version)}; expected {LEGACY_VERSION}")
    order: Order = "<" if system.get("little_endian", True) else ">"
    listed = [storages.get(name) if isinstance(name, str) else None for name in keys]
    numbers = _legacy_numbers(content, position, listed, order)

    def find(storage: str) -> np.ndarray:
        if storage not in numbers:
            raise WeightFileError(f"its storage {shown(storage)} is missing; get the file again")
        return numbers[storage]

    return _weight_file("PyTorch, legacy", value, key, find, order, Budget(content.size))


def _legacy_numbers(content: np.ndarray, position: int, storages: Sequence[Storage | None], order: Order) -> dict[str, np.ndarray]:
    """View the numbers of the storages, which lie one after the other from a position on, by their keys."""
    numbers: dict[str, np.ndarray] = {}
    for storage in storages:
        if storage is None or storage.key in numbers:
            raise WeightFileError("its list of storages is not that of its tensors; get the file again")
        count = int.from_bytes(content[position : position + 8].tobytes(), "little" if order == "<" else "big")
        size = storage.count * np.dtype(storage.code).itemsize
        position += 8 + size
        if count != storage.count or position > content.size:
            raise WeightFileError(f"it is truncated or damaged: the storage {shown(storage.key)} claims {size:,} bytes; get the file again")
        numbers[storage.key] = content[position - size : position]
    return numbers


def _storage(identifier: Any) -> Storage:
    """Understand a persistent identifier: ("storage", type, key, device, count), in legacy files with a sixth item for views."""
    if (
        not isinstance(identifier, tuple)
        or len(identifier) not in (5, 6)
        or identifier[0] != "storage"
        or identifier[5:] not in ((), (None,))
    ):
        raise WeightFileError("its pickle refers to something that is no storage; get the file again")
    _, kind, key, _, count = identifier[:5]
    if not isinstance(kind, StorageType) or not isinstance(key, str) or type(count) is not int or not 0 <= count < 1 << 48:
        raise WeightFileError("its pickle describes a storage by something else than a type, a key and a count; get the file again")
    return Storage(kind.code, key, count, kind.bfloat16)


def _weight_file(form: str, value: Any, key: str | None, find: Callable[[str], np.ndarray], order: Order, budget: Budget) -> WeightFile:
    """Make a weight file of the network that a checkpoint holds."""
    network = choose_network(value, key)
    arrays = {name: _array(name, tensor, find, order, budget) for name, tensor in network.tensors.items()}
    said = network.said
    found = TorchTensors(arrays, said.epsilons, said.temporary, said.modules)
    metadata = {**({} if network.name == "." else {"key": network.name}), **found.metadata}
    if found.preprocessing and said.preprocessing == PREPARED[True]:
        raise WeightFileError("it holds the numbers of a preprocessing, and transform_input, a second one; save the network without either")
    preprocessing = found.preprocessing or said.preprocessing or "torch"
    return WeightFile(
        form, found.layers, metadata, channels_first=True, preprocessing=preprocessing, modules=found.modules, order="definition"
    )


def _array(name: str, tensor: Tensor | Marker, find: Callable[[str], np.ndarray], order: Order, budget: Budget) -> np.ndarray:
    """View a tensor's numbers in the file."""
    if isinstance(tensor, Marker):
        raise WeightFileError(f"its tensor {shown(name)} cannot be read, and nothing of the file was run: {tensor.why}")
    storage = tensor.storage
    dtype = np.dtype(storage.code).newbyteorder(order)
    data = find(storage.key)
    if data.size != storage.count * dtype.itemsize:
        raise WeightFileError(
            f"the storage of {shown(name)} has {data.size:,} bytes; expected {storage.count * dtype.itemsize:,}. Get the file again"
        )
    count = math.prod(tensor.shape)
    last = tensor.offset + sum((side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides))
    if count < 1 or last >= storage.count:
        raise WeightFileError(f"tensor {shown(name)} of shape {tensor.shape} does not lie within its storage of {storage.count:,} numbers")
    if count > storage.count:  # the same numbers several times, as expand() leaves them
        budget.take(count * dtype.itemsize, name)
    numbers = data.view(dtype)[tensor.offset :]
    array = np.lib.stride_tricks.as_strided(numbers, tensor.shape, [stride * dtype.itemsize for stride in tensor.strides], writeable=False)
    if not storage.bfloat16:
        return array
    budget.take(4 * count, name)
    return from_bfloat16(array)
