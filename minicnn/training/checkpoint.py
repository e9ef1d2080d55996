"""A training's state in a file, so that it can be stopped and go on.

An .npz file: the arrays of the network, of the best one so far and of the optimizer's memory, and a text (JSON) with everything else.
It also says of which training it is: settings, data, and network.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from minicnn.errors import DatasetError
from minicnn.files import npy
from minicnn.files.writing import staged_file
from minicnn.network.network import Network
from minicnn.training.gradient_descent import Memories
from minicnn.training.loop import State

Arrays = Mapping[str, Mapping[str, np.ndarray]]

#: What is written down of each epoch, and beside it where there are photos to validate with.
MEASURED, VALIDATED = {"epoch", "loss", "accuracy"}, {"validation loss", "validation accuracy"}

#: No training has more steps, or photos in an epoch.
MOST_STEPS = 1 << 53


def write_checkpoint(path: str | os.PathLike, state: State, training: Mapping[str, Any]) -> None:
    """Write a state, in place of an earlier one.

    Parameters
    ----------
    path : path
    state : State
    training : dict
        What must be the same to go on; numbers and texts.
    """
    arrays = _flattened("network", state.network.arrays)
    if state.best is not None:
        arrays |= _flattened("best", state.best.arrays)
    for layer, memories in state.memory.items():
        arrays |= {f"memory/{layer}/{name}/{i}": np.asarray(part) for name, memory in memories.items() for i, part in enumerate(memory)}
    rest = {"step": state.step, "sums": state.sums, "history": state.history, "best_epoch": state.best_epoch, "training": training}
    members: dict[str, Any] = {"state": np.array(json.dumps(rest)), **arrays}
    with staged_file(path, overwrite=True) as file:
        np.savez(file, **members)


def read_checkpoint(path: str | os.PathLike, network: Network, training: Mapping[str, Any]) -> State:
    """Read a state.

    Parameters
    ----------
    path : path
    network : Network
        Of the same layers; its own numbers do not matter.
    training : dict
        As for `write_checkpoint`.

    Returns
    -------
    State

    Raises
    ------
    DatasetError
        If there is no such file, or it is damaged, or of another training; the message says what differs.
    """
    try:
        with npy.opened_archive(path) as file:
            rest = json.loads(str(file["state"]))
            _check_same(path, rest["training"], training)
            _check_numbers(rest)
            arrays = {name: file[name] for name in file if name != "state"}
        state = State(
            _with_arrays(network, "network", arrays),
            _memories(network, arrays),
            int(rest["step"]),
            tuple(rest["sums"]),
            tuple(rest["history"]),
            _with_arrays(network, "best", arrays) if rest["best_epoch"] else None,
            int(rest["best_epoch"]),
        )
    except FileNotFoundError:
        raise DatasetError(f"there is no checkpoint {path} to go on from; leave --resume out to begin") from None
    except npy.DAMAGED as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(
            f"{path} cannot be read ({error}); expected a checkpoint that minicnn train wrote. Begin anew with --overwrite instead of "
            "--resume"
        ) from None
    return state


def _check_numbers(rest: Mapping[str, Any]) -> None:
    """Raise ValueError unless what a checkpoint says beside its arrays are such numbers as a training writes down."""
    sums, history = list(rest["sums"]), list(rest["history"])
    entries = [set(entry) for entry in history]
    counts = [rest["step"], rest["best_epoch"], *sums[1:], *(entry["epoch"] for entry in history)]
    shares = [number for entry in history for name, number in entry.items() if name.endswith("accuracy")]
    losses = [sums[0], *(number for entry in history for name, number in entry.items() if name.endswith("loss"))]
    if (
        len(sums) != 3
        or any(entry != entries[0] or entry not in (MEASURED, MEASURED | VALIDATED) for entry in entries)
        or any(type(count) is not int or not 0 <= count < MOST_STEPS for count in counts)
        or any(type(number) not in (int, float) or not math.isfinite(number) for number in shares + losses)
        or any(not 0 <= share <= 1 for share in shares)
        or [entry["epoch"] for entry in history] != list(range(1, len(history) + 1))
        or rest["best_epoch"] > (len(history) if entries and entries[0] >= VALIDATED else 0)
    ):
        raise ValueError("what it says of the training so far makes no sense")


def _check_same(path: str | os.PathLike, before: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    """Raise DatasetError if a checkpoint is of another training than this one."""
    names = [name for name in {**before, **training} if before.get(name) != training.get(name)]
    if names:
        differing = ", ".join(sorted(_difference(name, before.get(name), training.get(name)) for name in names))
        raise DatasetError(
            f"{path} is of another training: {differing}; use the same settings, or begin anew with --overwrite instead of --resume"
        )


def _difference(name: str, before: Any, now: Any) -> str:
    """Say what is not the same; of checksums and descriptions only that they differ."""
    return f"other {name}" if max(len(str(before)), len(str(now))) > 20 else f"{name} {before} (now {now})"


def _flattened(prefix: str, arrays: Arrays) -> dict[str, np.ndarray]:
    """Name a network's arrays PREFIX/LAYER/NAME."""
    return {f"{prefix}/{layer}/{name}": array for layer, members in arrays.items() for name, array in members.items()}


def _with_arrays(network: Network, prefix: str, arrays: Mapping[str, np.ndarray]) -> Network:
    """Return the network with arrays from the file, after a look at their shapes."""
    found = {layer: {name: arrays[f"{prefix}/{layer}/{name}"] for name in members} for layer, members in network.arrays.items()}
    for layer, members in network.arrays.items():
        for name, array in members.items():
            if found[layer][name].shape != array.shape or found[layer][name].dtype != array.dtype:
                what = f"shape {found[layer][name].shape} and type {found[layer][name].dtype}"
                raise ValueError(f"{layer} {name} has {what}, expected {array.shape} and {array.dtype}")
    return network.with_parameters(found)


def _memories(network: Network, arrays: Mapping[str, np.ndarray]) -> Memories:
    """Put the optimizer's memory together again; what was a number becomes one."""
    memory: Memories = {}
    for layer, members in network.parameters.items():
        for name, array in members.items():
            parts: list[np.ndarray | int] = []
            while (part := arrays.get(f"memory/{layer}/{name}/{len(parts)}")) is not None:
                if part.shape not in ((), array.shape) or part.dtype.kind not in ("f" if part.ndim else "fiu"):
                    raise ValueError(f"what is remembered of {layer} {name} has shape {part.shape}, expected {array.shape}")
                parts.append(part if part.ndim else part.item())
            if parts:
                memory.setdefault(layer, {})[name] = tuple(parts)
    return memory
