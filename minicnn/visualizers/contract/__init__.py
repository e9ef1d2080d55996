"""What makes a plain function a visualizer: the decorator, the kinds of values, the registry, and what a result says about itself.

Knows models and results, and no method.
"""
