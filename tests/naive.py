"""The kernels once more, slow and obvious: the oracle for the fast ones."""

import numpy as np


def windows(height, width, window):
    """Yield (oy, ox, top, left) for each position of a window; top and left may lie in the padding."""
    for oy, top in enumerate(starts(height, window, 0)):
        for ox, left in enumerate(starts(width, window, 1)):
            yield oy, ox, top, left


def starts(size, window, axis):
    """List where a window begins along one axis: as long as it ends within the padding, in ceil mode as long as it begins in the image."""
    (before, after), extent = window.padding[axis], (window.kernel_size[axis] - 1) * window.dilation[axis] + 1
    ends = list(range(-before, size + after - extent + 1, window.stride[axis]))
    further = ends[-1] + window.stride[axis]
    if window.ceil_mode and ends[-1] + extent < size + after and further < size:
        ends.append(further)
    return ends


def cut(x, window, top, left, outside=0.0):
    """Cut one window out of images that lie in an endless plane of `outside`."""
    ys, xs = ([start + i * step for i in range(size)] for start, size, step in zip((top, left), window.kernel_size, window.dilation))
    inside = [[0 <= y < x.shape[1] and 0 <= x_ < x.shape[2] for x_ in xs] for y in ys]
    patch = np.full((len(x), len(ys), len(xs), x.shape[3]), outside)
    for i, j in np.argwhere(inside):
        patch[:, i, j] = x[:, ys[i], xs[j]]
    return patch, np.array(ys), np.array(xs)


def output_shape(x, window, channels):
    positions = list(windows(*x.shape[1:3], window))
    return (len(x), positions[-1][0] + 1, positions[-1][1] + 1, channels)


def convolve(x, kernel, bias, window):
    output = np.zeros(output_shape(x, window, kernel.shape[3]))
    channels, filters = kernel.shape[2:]
    groups = x.shape[3] // channels
    for oy, ox, top, left in windows(*x.shape[1:3], window):
        patch, _, _ = cut(x, window, top, left)
        for f in range(filters):
            first = f // (filters // groups) * channels
            output[:, oy, ox, f] = (patch[..., first : first + channels] * kernel[..., f]).sum(axis=(1, 2, 3)) + bias[f]
    return output


def transposed(x, weight, bias, window, output_padding):
    """Put each pixel's filters on a large plane, and cut the result out of it."""
    height, width = (
        (size - 1) * window.stride[axis] + window.extent[axis] + output_padding[axis] for axis, size in enumerate(x.shape[1:3])
    )
    groups = len(bias) // weight.shape[2]
    plane = np.zeros((len(x), height, width, len(bias)))
    per_group = x.shape[3] // groups
    for y, x_, c, ky, kx in np.ndindex(*x.shape[1:], *weight.shape[:2]):
        first = c // per_group * weight.shape[2]
        place = plane[:, y * window.stride[0] + ky * window.dilation[0], x_ * window.stride[1] + kx * window.dilation[1]]
        place[:, first : first + weight.shape[2]] += x[:, y, x_, c, None] * weight[ky, kx, :, c]
    (top, bottom), (left, right) = window.padding
    return plane[:, top : height - bottom, left : width - right] + bias


def max_pool(x, window):
    output = np.zeros(output_shape(x, window, x.shape[3]))
    for oy, ox, top, left in windows(*x.shape[1:3], window):
        output[:, oy, ox] = cut(x, window, top, left, -np.inf)[0].max(axis=(1, 2))
    return output


def average_pool(x, window, include_padding=True):
    output = np.zeros(output_shape(x, window, x.shape[3]))
    (above, below), (before, behind) = window.padding if include_padding else ((0, 0), (0, 0))
    for oy, ox, top, left in windows(*x.shape[1:3], window):
        patch, ys, xs = cut(x, window, top, left)
        rows = sum(-above <= y < x.shape[1] + below for y in ys)
        columns = sum(-before <= x_ < x.shape[2] + behind for x_ in xs)
        output[:, oy, ox] = patch.sum(axis=(1, 2)) / (rows * columns)
    return output


def local_response_norm(x, size, alpha, beta, k):
    output = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        around = [c for c in range(place[-1] - size // 2, place[-1] - size // 2 + size) if 0 <= c < x.shape[-1]]
        output[place] = x[place] / (k + alpha / size * sum(x[(*place[:-1], c)] ** 2 for c in around)) ** beta
    return output


def layer_norm(x, weight, bias, epsilon):
    output = np.zeros(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        mean, variance = sum(x[place]) / x.shape[-1], sum((x[place] - sum(x[place]) / x.shape[-1]) ** 2) / x.shape[-1]
        output[place] = [(v - mean) / (variance + epsilon) ** 0.5 * w + b for v, w, b in zip(x[place], weight, bias)]
    return output


def softmax(x):
    output = np.zeros(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        output[place] = [1 / sum(np.exp(other - own) for other in x[place]) for own in x[place]]
    return output


def prelu(x, weight):
    output = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        output[place] = x[place] if x[place] > 0 else weight[place[-1] % len(weight)] * x[place]
    return output


def upsample(x, factor, method):
    """Ask for each output where its center lies in the input, in pixels from the first one's center."""
    output = np.zeros((len(x), x.shape[1] * factor[0], x.shape[2] * factor[1], x.shape[3]))
    for oy, ox in np.ndindex(output.shape[1:3]):
        y, x_ = ((place + 0.5) / by - 0.5 for place, by in zip((oy, ox), factor))
        if method == "nearest":
            output[:, oy, ox] = x[:, oy // factor[0], ox // factor[1]]
            continue
        for row, column in np.ndindex(x.shape[1:3]):
            down, across = (min(max(at, 0), size - 1) for at, size in zip((y, x_), x.shape[1:3]))
            output[:, oy, ox] += max(0, 1 - abs(down - row)) * max(0, 1 - abs(across - column)) * x[:, row, column]
    return output


def channel_shuffle(x, groups):
    per_group = x.shape[-1] // groups
    return np.stack([x[..., group * per_group + place] for place in range(per_group) for group in range(groups)], axis=-1)


def adaptive_pool(x, size, reduce):
    output = np.zeros((len(x), *size, x.shape[3]))
    for oy, ox in np.ndindex(size):
        rows, columns = (
            range(int(np.floor(place * pixels / outputs)), int(np.ceil((place + 1) * pixels / outputs)))
            for place, pixels, outputs in zip((oy, ox), x.shape[1:3], size)
        )
        output[:, oy, ox] = reduce(x[:, rows][:, :, columns], axis=(1, 2))
    return output
