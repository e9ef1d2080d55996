"""Damage to files, of all kinds, to see that whatever comes is read or refused with one error."""

import io
import os
import re
import zipfile

#: How many damaged files of each kind are tried: few, or as many as the environment says.
FILES = int(os.environ.get("MINICNN_FUZZ", "60"))

#: How the parts of HDF5 files begin that point to others; headers have a version, 0, up to 32 messages, and one link to them.
PARTS = re.compile(b"HEAP|TREE|SNOD|GCOL|\x01\0[\x01-\x20]\0\x01\0\0\0")

#: What 1, 2, 4 or 8 bytes are replaced by, beside random ones and the places of such parts.
TELLING = [0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 1 << 40]


def changed(content, others, generator):
    """A file's content after one to four changes, more often near its beginning and end, where headers are, and in the parts of HDF5."""
    parts = [part.start() for part in PARTS.finditer(content)]
    content = bytearray(content)
    for _ in range(generator.randint(1, 4)):
        size = len(content)
        at = generator.choice(
            [generator.randint(0, size), generator.randint(0, min(size, 300)), generator.randint(max(0, size - 400), size)]
        )
        if parts and generator.random() < 0.5:
            at = min(size, generator.choice(parts) + generator.randint(0, 100))
        kind = generator.choice(["flip", "number", "number", "cut", "remove", "insert", "repeat", "splice"])
        if kind == "flip" and at < size:
            content[at] ^= 1 << generator.randint(0, 7)
        elif kind == "number":
            width = generator.choice([1, 2, 4, 8])
            value = generator.choice([*TELLING, *parts, generator.getrandbits(64)]) & ((1 << 8 * width) - 1)
            content[at : at + width] = value.to_bytes(width, generator.choice(["little", "big"]))
        elif kind == "cut":
            del content[at:]
        elif kind == "remove":
            del content[at : at + generator.randint(1, 64)]
        elif kind == "insert":
            content[at:at] = generator.randbytes(generator.randint(1, 32))
        elif kind == "repeat":
            content[at:at] = content[at : at + generator.randint(1, 256)]
        elif kind == "splice":
            other = generator.choice(others)
            start = generator.randint(0, len(other))
            content[at : at + 64] = other[start : start + generator.randint(1, 512)]
    return bytes(content)


def changed_inside(content, others, generator):
    """A zip archive whose members are changed, with checksums that are right again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {member: archive.read(member) for member in archive.infolist()}
    chosen = generator.choice(list(members))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, inside in members.items():
            archive.writestr(member, changed(inside, others, generator) if member is chosen else inside)
    return stream.getvalue()
