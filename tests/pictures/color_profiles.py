"""Color profiles (ICC) from three primaries and a curve, or from a table of inks, and the mathematics of what they mean."""

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


def _tag_curve(curve):
    if np.ndim(curve):
        return b"curv\0\0\0\0" + struct.pack(">I", len(curve)) + np.rint(np.asarray(curve) * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(curve * 256)) + b"\0\0"


def profile(matrix, curve, name="a test's colors", space=b"RGB "):
    """Return the bytes of a profile of version 2: of a display for "RGB ", or of gray tones for "GRAY". A curve is a gamma or a table."""
    if space == b"RGB ":
        tags = {color + b"XYZ": _tag_xyz(column) for color, column in zip((b"r", b"g", b"b"), np.transpose(matrix))}
        tags |= {color + b"TRC": _tag_curve(curve) for color in (b"r", b"g", b"b")}
    else:
        tags = {b"kTRC": _tag_curve(curve)}
    return _written(tags, name, b"mntr", space, b"XYZ ")


def ink_profile(colors, name="a test's inks"):
    """Return the bytes of a printer's profile: Lab colors, (2, 2, 2, 2, 3), of all mixtures of full cyan, magenta, yellow and black."""
    straight = np.arange(256, dtype=np.uint8).tobytes()
    numbers = np.rint(colors * [255 / 100, 1, 1] + [0, 128, 128]).astype(np.uint8)
    table = b"mft1\0\0\0\0\4\3\2\0" + b"".join(map(_fixed, np.eye(3).ravel())) + 4 * straight + numbers.tobytes() + 3 * straight
    return _written({b"A2B0": table}, name, b"prtr", b"CMYK", b"Lab ")


def _written(tags, name, kind, space, connection):
    """Write a profile's head, its list of tags, and the tags."""
    text = name.encode("ascii") + b"\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {b"desc": description, b"wtpt": _tag_xyz(WHITE), b"cprt": b"text\0\0\0\0none\0", **tags}
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        content += bytes(-len(content) % 4)
        table += tag + struct.pack(">II", start + len(data), len(content))
        data += content
    head = struct.pack(">I4s4s4s4s4s", start + len(data), bytes(4), b"\2\x10\0\0", kind, space, connection) + bytes(12) + b"acsp"
    head += bytes(28) + b"".join(map(_fixed, WHITE))
    return head.ljust(128, b"\0") + table + data


def in_srgb(pixels, matrix, gamma):
    """Convert pixels (..., 3), 0 to 255, by the definitions: linear light, the primaries, sRGB's curve."""
    return screen_levels((pixels / 255) ** gamma @ np.transpose(matrix))


def lab_in_srgb(lab):
    """Convert colors L, a, b (..., 3) by the definitions: CIE's functions, the light D50, sRGB's primaries and curve."""
    y = (lab[..., 0] + 16) / 116
    roots = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    return screen_levels(np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29)) * WHITE)


def screen_levels(xyz):
    """Convert X, Y, Z (..., 3) under D50 to levels of sRGB, 0 to 255."""
    light = np.clip(xyz @ np.linalg.inv(SRGB).T, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
