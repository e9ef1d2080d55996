"""What is told of the assumptions that a model rests on, and of guesses that nobody has checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: What to do if an assumption is wrong, by what it is about; for another network there is `describe`.
ADVICE = {
    "preprocessing": "For another preprocessing: --preprocessing NAME.",
    "order": "To be certain, call these layers in the description (.toml) as the file does.",
    "epsilon": "For another epsilon, or to confirm it, state it in the description (.toml): {batch_norm = NAME, epsilon = NUMBER}.",
}


def told(assumptions: Mapping[str, str], path: Path, unchecked: Mapping[str, str], name: str | os.PathLike) -> tuple[str, ...]:
    """Write what was assumed, and what nobody has checked in a description, in one line each, with what to do if it is wrong."""
    sentences = []
    if unchecked:
        sentences.append(
            f"{name} is a guess that nobody has checked: {'; '.join(unchecked.values())}. Correct it, and delete the lines there that "
            "begin with 'unchecked'."
        )
    if assumptions:
        advice = [text for what, text in ADVICE.items() if what in assumptions]
        if assumptions.keys() - ADVICE.keys():
            advice.append(f"For another network: 'minicnn describe {path} --out my.toml', corrected, and --model my.toml --weights {path}.")
        sentences.append(f"{path} does not say all of its network; assumed: {'; '.join(assumptions.values())}. {' '.join(advice)}")
    return tuple(sentences)
