"""What importing the package does; who may import whom is stated in pyproject.toml and checked by scripts/lint."""

import subprocess
import sys


def test_importing_compiles_nothing():
    code = (
        "import numba.core.dispatcher as d; compiled = []; d.Dispatcher.compile = lambda self, s: compiled.append(self); "
        "import minicnn, sys; assert not compiled; assert not {'matplotlib', 'scipy.stats', 'skimage', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
