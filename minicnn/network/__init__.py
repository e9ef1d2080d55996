"""The engine: a network of named layers, forward and backward, and what can be computed with one. It knows nothing of photos and files.

May use layers, kernels and geometry.
"""

from minicnn.network.network import Network, Rule, Rules, Trace

__all__ = ["Network", "Rule", "Rules", "Trace"]
