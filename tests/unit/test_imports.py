"""The arrows of the design: who may import whom, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minicnn

ROOT = Path(minicnn.__file__).parent

# Each part may import the parts before it, never those after it.
ORDER = [
    ["errors"],
    ["geometry", "kernels", "files", "npy", "resources", "images", "render", "weightfiles", "frequency", "resampling", "transforms", "optimisers", "tables", "published", "transfer"],
    ["regularisers", "download"],
    ["layers"],
    ["network"],
    ["rules", "probability", "initialise", "layer_kinds", "summary", "classes", "terms", "incremental", "relevance", "folding"],
    ["architectures", "descriptions", "objectives", "weights"],
    ["gradcheck", "model", "results", "ascent"],
    ["model_files"],
    ["visualizers", "conversion", "training", "bench"],
    ["report", "replay"],
    ["cli"],
]
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}
BORDERS = {"images", "render", "weightfiles"}


def modules():
    return [path for path in sorted(ROOT.rglob("*.py")) if path.parent != ROOT or path.stem not in ("__init__", "__main__")]


def part_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path):
    """Yield the dotted names that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    part = part_of(path)
    for name in imports(path):
        package, *rest = name.split(".")
        if package == "minicnn":
            imported = rest[0]
            assert imported == part or RANK[imported] <= RANK[part], f"{part} imports {imported}"
            if part in BORDERS:
                assert imported in (part, "errors", "files", "npy"), f"{part} imports {imported}"
        assert package != "numba" or part == "kernels"
        assert package != "h5py" or part == "weightfiles"
        assert package not in ("torch", "tensorflow", "keras", "jax")


def test_importing_compiles_nothing():
    code = (
        "import numba.core.dispatcher as d; compiled = []; d.Dispatcher.compile = lambda self, s: compiled.append(self); "
        "import minicnn, sys; assert not compiled; assert not {'matplotlib', 'scipy.stats', 'skimage', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
