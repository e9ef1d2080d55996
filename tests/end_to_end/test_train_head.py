"""The script that trains the shipped head, on a folder of its own classes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import minicnn

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_head"


def test_a_head_for_a_folder_of_classes(tmp_path, generator):
    for i in range(15):
        colour = [(200, 60, 60), (60, 200, 60), (60, 60, 200)][i % 3]
        photo = np.clip(generator.normal(colour, 30, (64, 64, 3)), 0, 255).astype(np.uint8)
        folder = tmp_path / "photos" / "abc"[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(folder / f"{i}.png")
    command = [sys.executable, SCRIPT, tmp_path / "photos", "--cache", tmp_path / "features.npz", "--views", "2", "--set", "hard=0.5"]
    output = subprocess.run([*command, "--out", tmp_path / "head.h5"], capture_output=True, text=True, check=True).stdout
    assert output.startswith("top-1 100.00%")
    model = minicnn.load(tmp_path / "head.h5")
    assert list(model.classes) == ["a", "b", "c"] and model.credit and "scripts/train_head on 15 photos" in model.origin.texts["head"]
    assert model.predict(tmp_path / "photos" / "b" / "1.png")[0][0] == "b"
