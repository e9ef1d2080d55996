"""What Keras calls the arrays of layers, in its order, by minicnn's names."""

NAMES = {"weight": "kernel", "bias": "bias"}
NORM_NAMES = {"weight": "gamma", "bias": "beta", "mean": "moving_mean", "variance": "moving_variance"}

#: What batch normalization adds to the variance, in Keras, unless told otherwise.
EPSILON = 1e-3
