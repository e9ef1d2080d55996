r"""Patches (im2col and col2im): sliding windows written out as rows of a matrix, and back.

A convolution is one weighted sum per window position. Copy each window's pixels into a row of their own, and all the sums become
one matrix product, which is what computers do best::

    image (H, W, C)                patches                      kernel         output
    +-----------+        row 0: [ window at (0, 0) ]          [         ]
    | +---+     |        row 1: [ window at (0, 1) ]     x    [ kh*kw*C ]   =  rows x filters
    | |   |     |          ...                                [    x    ]
    | +---+     |        last:  [ window at (-1, -1) ]        [ filters ]
    +-----------+               kh*kw*C numbers each

The price is memory: a 3x3 window writes each pixel nine times. So the patches are made for some output rows at a time. Rows are
counted through the whole batch: output row r belongs to image r // out_height.
"""

from __future__ import annotations

from numba import prange

from minicnn.kernels.jit import jit


@jit
def gather_patches(x, stride, padding, dilation, out_height, first_row, patches):
    """Copy the windows of some output rows out of the images (im2col).

    Parameters
    ----------
    x : array (N, H, W, C)
        The images.
    stride, padding, dilation : pair of int
        Vertical, horizontal; the padding at the top and on the left.
    out_height : int
        Output rows per image.
    first_row : int
        The first output row to write, counted through the batch.
    patches : array (rows, out_width, kh, kw, C)
        Where the windows go; pixels of the padding become 0.
    """
    _, height, width, channels = x.shape
    rows, out_width, kernel_height, kernel_width, _ = patches.shape
    for r in prange(rows):
        image = (first_row + r) // out_height
        top = ((first_row + r) % out_height) * stride[0] - padding[0]
        for ox in range(out_width):
            left = ox * stride[1] - padding[1]
            for ky in range(kernel_height):
                for kx in range(kernel_width):
                    iy, ix = top + ky * dilation[0], left + kx * dilation[1]
                    if 0 <= iy < height and 0 <= ix < width:
                        for c in range(channels):
                            patches[r, ox, ky, kx, c] = x[image, iy, ix, c]
                    else:
                        for c in range(channels):
                            patches[r, ox, ky, kx, c] = 0


@jit
def scatter_patches(patches, stride, padding, dilation, out_height, first_row, x):
    """Add each window's numbers to the pixels they came from (col2im): the transpose of `gather_patches`.

    Windows overlap, so two of them may add to one pixel. To run in parallel without two threads at the same pixel, each image row
    looks for the windows that cover it, instead of each window for its pixels.

    Parameters
    ----------
    patches : array (rows, out_width, kh, kw, C)
        One number for each pixel of each window of some output rows.
    stride, padding, dilation, out_height, first_row
        As for `gather_patches`.
    x : array (N, H, W, C)
        The images that the numbers are added to.
    """
    batch, height, width, channels = x.shape
    rows, out_width, kernel_height, kernel_width, _ = patches.shape
    first_image = first_row // out_height
    images = min(batch, (first_row + rows - 1) // out_height + 1) - first_image
    for row in prange(images * height):
        image, iy = first_image + row // height, row % height
        for ky in range(kernel_height):
            top = iy + padding[0] - ky * dilation[0]
            oy = top // stride[0]
            r = image * out_height + oy - first_row
            if top % stride[0] == 0 and 0 <= oy < out_height and 0 <= r < rows:
                for ox in range(out_width):
                    left = ox * stride[1] - padding[1]
                    for kx in range(kernel_width):
                        ix = left + kx * dilation[1]
                        if 0 <= ix < width:
                            for c in range(channels):
                                x[image, iy, ix, c] += patches[r, ox, ky, kx, c]
