"""Whether a file's layers can follow each other in a line, and in which order, where only shapes are known."""

from __future__ import annotations

from collections.abc import Sequence

from minicnn.weightfiles import StoredLayer, WeightFile
from minicnn.weightfiles.stored import BATCH_NORM, CONVOLUTION, DENSE, shown


def fault_in_line(layers: Sequence[StoredLayer]) -> str | None:
    """Say which of some layers does not take what the one before gives; None if all can follow each other in a line."""
    outputs: dict[str, tuple[int, str]] = {}
    for layer in layers:
        takes, gives = _channels(layer)
        seen = DENSE if layer.kind == DENSE or (layer.kind == BATCH_NORM and DENSE in outputs) else "image"
        comes, before = outputs.get(seen, (takes, ""))
        if takes != comes:
            in_groups = ", unless it is depthwise" if layer.kind == CONVOLUTION and takes == 1 else ""
            return f"its {shown(layer.name)} takes {takes:,} numbers or channels where {comes:,} come from {shown(before)}{in_groups}"
        outputs[seen] = gives, layer.name
    return None


def in_a_line(file: WeightFile) -> list[StoredLayer]:
    """Put a file's layers into the order in which they may run.

    It is the file's own if that can be one. Else, and where a file tells only the order of each kind, convolutions come before dense
    layers, and each batch normalization after the first of them that gives as many channels as it takes; those that find no place come
    last.
    """
    kinds = [layer.kind for layer in file.layers]
    dense_last = CONVOLUTION not in kinds[kinds.index(DENSE) :] if DENSE in kinds else True
    if file.order != "kind" and dense_last and fault_in_line(file.layers) is None:
        return list(file.layers)
    norms = [layer for layer in file.layers if layer.kind == BATCH_NORM]
    line: list[StoredLayer] = []
    for layer in sorted((layer for layer in file.layers if layer.kind != BATCH_NORM), key=lambda layer: layer.kind == DENSE):
        line.append(layer)
        if norms and _channels(norms[0])[0] == _channels(layer)[1]:
            line.append(norms.pop(0))
    return line + norms


def _channels(layer: StoredLayer) -> tuple[int, int]:
    """Tell how many channels, or numbers, a layer takes and gives."""
    shape = next(iter(layer.arrays.values())).shape
    return layer.arrays["weight"].shape[-2] if layer.kind in (CONVOLUTION, DENSE) else shape[-1], shape[-1]
