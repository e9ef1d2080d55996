"""The kernels once more, slow and obvious: the oracle for the fast ones."""

import numpy as np


def windows(height, width, window):
    """Yield (oy, ox, top, left) for each position of a window; top and left may lie in the padding."""
    out_height = (height - window.kernel_size[0] + 2 * window.padding[0]) // window.stride[0] + 1
    out_width = (width - window.kernel_size[1] + 2 * window.padding[1]) // window.stride[1] + 1
    for oy in range(out_height):
        for ox in range(out_width):
            yield oy, ox, oy * window.stride[0] - window.padding[0], ox * window.stride[1] - window.padding[1]


def output_shape(x, window, channels):
    positions = list(windows(*x.shape[1:3], window))
    return (len(x), positions[-1][0] + 1, positions[-1][1] + 1, channels)


def convolve(x, kernel, bias, window):
    output = np.zeros(output_shape(x, window, kernel.shape[3]))
    (ph, pw) = window.padding
    padded = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    for oy, ox, top, left in windows(*x.shape[1:3], window):
        patch = padded[:, top + ph : top + ph + kernel.shape[0], left + pw : left + pw + kernel.shape[1]]
        for f in range(kernel.shape[3]):
            output[:, oy, ox, f] = (patch * kernel[..., f]).sum(axis=(1, 2, 3)) + bias[f]
    return output


def pool(x, window, reduce, outside):
    output = np.zeros(output_shape(x, window, x.shape[3]))
    (ph, pw) = window.padding
    padded = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=outside)
    for oy, ox, top, left in windows(*x.shape[1:3], window):
        patch = padded[:, top + ph : top + ph + window.kernel_size[0], left + pw : left + pw + window.kernel_size[1]]
        output[:, oy, ox] = reduce(patch, axis=(1, 2))
    return output
