"""Color profiles (ICC) from three primaries and a gamma, and the mathematics of what they mean."""

import struct

import numpy as np

#: Red, green and blue of sRGB as X, Y, Z under the light D50, and of two wider spaces.
SRGB = np.array([[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]])
ADOBE_RGB = np.array([[0.6097559, 0.2052401, 0.1492240], [0.3111242, 0.6256560, 0.0632197], [0.0194811, 0.0608902, 0.7448387]])
PROPHOTO = np.array([[0.7976749, 0.1351917, 0.0313534], [0.2880402, 0.7118741, 0.0000857], [0.0000000, 0.0000000, 0.8252100]])

WHITE = (0.9642, 1.0, 0.8249)


def _fixed(number):
    """A number in 16 bits before and 16 after the point."""
    return struct.pack(">i", round(number * 65536))


def _tag_xyz(numbers):
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, numbers))


def _tag_gamma(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def profile(matrix, gamma, name="a test's colors", space=b"RGB "):
    """Return the bytes of a profile of version 2: of a display for "RGB ", or of gray tones for "GRAY"."""
    text = name.encode("ascii") + b"\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {b"desc": description, b"wtpt": _tag_xyz(WHITE), b"cprt": b"text\0\0\0\0none\0"}
    if space == b"RGB ":
        for color, column in zip((b"r", b"g", b"b"), np.transpose(matrix)):
            tags |= {color + b"XYZ": _tag_xyz(column), color + b"TRC": _tag_gamma(gamma)}
    else:
        tags[b"kTRC"] = _tag_gamma(gamma)
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        content += bytes(-len(content) % 4)
        table += tag + struct.pack(">II", start + len(data), len(content))
        data += content
    head = struct.pack(">I4s4s4s4s4s", start + len(data), bytes(4), b"\2\x10\0\0", b"mntr", space, b"XYZ ") + bytes(12) + b"acsp"
    head += bytes(28) + b"".join(map(_fixed, WHITE))
    return head.ljust(128, b"\0") + table + data


def in_srgb(pixels, matrix, gamma):
    """Convert pixels (..., 3), 0 to 255, by the definitions: linear light, the primaries, sRGB's curve."""
    light = (pixels / 255) ** gamma @ np.transpose(matrix) @ np.linalg.inv(SRGB).T
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
