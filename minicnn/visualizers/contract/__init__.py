"""What makes a plain function a visualizer: the decorator, the registry, the kinds of options, and what a result says about itself.

Knows models and results, and no method.
"""
