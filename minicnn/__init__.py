"""minicnn: look inside a convolutional network with nothing but NumPy and numba.

The public names are those of `minicnn.public`. They are imported when the first of them is asked for: so the command line can deal with
Ctrl-C before it imports anything large, which may take seconds.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from minicnn.public import *  # noqa: F403
else:

    def __getattr__(name):
        """Import a package of minicnn, or the public names."""
        from importlib import import_module, util

        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module 'minicnn' has no attribute {name!r}")
        spec = util.find_spec(f"minicnn.{name}")
        if spec is not None and spec.origin is not None:  # without, it is a folder with nothing to import
            return import_module(f"minicnn.{name}")
        public = import_module("minicnn.public")
        if name not in (*public.__all__, "__all__"):
            raise AttributeError(f"module 'minicnn' has no attribute {name!r}")
        return globals().setdefault(name, getattr(public, name))

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__")})
