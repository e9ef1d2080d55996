"""What the page says of a method, and what it shows."""

import re

import numpy as np

from minicnn.report import write_report


def test_the_channels_on_the_page_are_the_strongest_on_the_photo(small_model, panda, tmp_path):
    """As its text says, and not the first ones."""
    written = write_report(small_model, panda, tmp_path / "page", only=["filter-model"], size=(30, 46), quick=True)
    text = " ".join(re.sub("<[^>]*>", " ", written.page.read_text()).split())
    assert "the channels that are strongest on it are drawn" in text
    shown = [int(channel) for channel in re.findall(r"(\d+): ", re.search(r"before the last of \d+ steps: ([^S]*)", text)[1])]
    layer = re.search(r"Settings: layer (\w+)", text)[1]
    output = small_model.network.trace(small_model.prepare(panda, (30, 46))).outputs[layer]
    strength = np.maximum(output, 0).mean(axis=(0, 1, 2))
    assert shown == np.argsort(-strength, kind="stable")[: len(shown)].tolist()
    assert len(shown) > 1 and shown != list(range(len(shown)))
