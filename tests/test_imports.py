"""What importing the package does; who may import whom is stated in pyproject.toml and checked by scripts/lint."""

import subprocess
import sys


def test_importing_compiles_nothing():
    code = (
        "import numba.core.dispatcher as d; compiled = []; d.Dispatcher.compile = lambda self, s: compiled.append(self); "
        "import minicnn.public, minicnn.cli.main, sys; assert not compiled; "
        "assert not {'matplotlib', 'scipy.stats', 'skimage', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names():
    """They are imported when the first is asked for, and then as ever: one by one, all with a star, and the packages."""
    code = (
        "import sys, minicnn; assert 'numpy' not in sys.modules; from minicnn import *; assert saliency is minicnn.saliency; "
        "assert minicnn.models.model.Model is Model is minicnn.Model and {'saliency', 'layers', '__version__'} <= set(dir(minicnn)); "
        "assert not hasattr(minicnn, 'salincy') and not hasattr(minicnn, '__wrapped__'); import minicnn.layers"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
