"""The headers of the objects in an HDF5 file, looked at before the HDF5 library opens them, as it crashes on some (seen with 2.0).

Groups and arrays begin with a header, a sequence of messages, in one piece or several; a message has a type, a size, and flags. The
library follows number types that refer to others, and types within types, without asking whether this ends; and it trusts the heaps and
trees in which HDF5 1.8 and 1.10 began to keep long groups, many attributes, and chunks. h5py makes none of these unless it is asked to,
and files of weights do without. So they are refused. Sections IV.A.1 and IV.A.2 of version 3.0 of the format's specification describe
headers and messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from minicnn.errors import WeightFileError
from minicnn.weightfiles.hdf5.superblock import NOWHERE, REMEDY, Hdf5Bytes

#: Messages by their types, and the flag of a message that is kept elsewhere.
LINK_INFO, NUMBER_TYPE, LAYOUT, ATTRIBUTE, CONTINUATION, ATTRIBUTE_INFO = 0x02, 0x03, 0x08, 0x0C, 0x10, 0x15
SHARED = 0b10

#: The class of number types that are sequences, and that of arrays which lie in one piece (0 are those in the header itself).
OF_ANY_LENGTH, IN_ONE_PIECE = 9, 1

#: No number type is described in more bytes, and no object has more messages.
LONGEST_TYPE, MOST_MESSAGES = 1000, 10_000


class Message(NamedTuple):
    """A message in a header: its type, its flags, and where its content lies."""

    kind: int
    flags: int
    start: int
    size: int


def check_header(file: Hdf5Bytes, place: int) -> None:
    """Raise WeightFileError if the header of an object has something that the library had better not see."""
    for count, message in enumerate(_messages(file, place)):
        unusual = _unusual(file, message)
        if count >= MOST_MESSAGES:
            unusual = "a header without end"
        if unusual:
            raise WeightFileError(f"it is damaged, or holds {unusual} (byte {message.start:,}), which minicnn does not read; {REMEDY}")


def tree_of_chunks(file: Hdf5Bytes, place: int) -> int:
    """Find where an array's tree of chunks is."""
    layout = next(message.start for message in _messages(file, place) if message.kind == LAYOUT)
    return file.number(layout + 3)  # after the version, that it is in chunks, and its number of axes


def _unusual(file: Hdf5Bytes, message: Message) -> str | None:
    """Say what a message has that is refused; None if nothing."""
    first, second = (file.number(message.start + at, 1) for at in (0, 1))  # for many, their version and flags
    if message.flags & SHARED or (message.kind == ATTRIBUTE and first > 1 and second):
        return "a number type that is kept elsewhere"
    if {NUMBER_TYPE: message.size, ATTRIBUTE: file.number(message.start + 4, 2)}.get(message.kind, 0) > LONGEST_TYPE:
        return "a very long number type"
    if message.kind == ATTRIBUTE and _texts_size(file, message) > file.size:
        return "texts that claim to be longer than the file"
    if message.kind == LAYOUT and (first < 3 or (first > 3 and second > IN_ONE_PIECE)):
        return f"an array that is stored in HDF5's way number {first}"
    if message.kind in (LINK_INFO, ATTRIBUTE_INFO):
        counted = {LINK_INFO: 8, ATTRIBUTE_INFO: 2}[message.kind] * (second & 1)  # how many have been numbered, if they are
        if file.number(message.start + 2 + counted) != NOWHERE:
            return "a group or attributes in a heap"
    return None


def _texts_size(file: Hdf5Bytes, attribute: Message) -> int:
    """Add up what an attribute says of its texts' sizes, if they are of any length; each is a count, and a place in a heap."""
    version, *sizes = (file.number(attribute.start + at, size) for at, size in ((0, 1), (2, 2), (4, 2), (6, 2)))
    if version == 1:
        sizes = [-(-size // 8) * 8 for size in sizes]
    name, number_type, shape = sizes
    type_start = attribute.start + (9 if version == 3 else 8) + name
    if file.number(type_start, 1) & 0xF != OF_ANY_LENGTH:
        return 0
    item_size = file.number(type_start + 8 + 4, 4)  # of the type that follows, after its own first 4 bytes
    return item_size * sum(file.number(at, 4) for at in range(type_start + number_type + shape, attribute.start + attribute.size, 16))


def _messages(file: Hdf5Bytes, place: int) -> Iterator[Message]:
    """Read the messages of a header. Where it makes no sense there are none, and the library refuses it."""
    start = file.origin + place
    if file.number(start, 1) == 1:
        fields, length, edge = ((0, 2), (2, 2), (4, 1)), 8, 0
        pieces = [(start + 16, file.number(start + 8, 4))]
    elif file.begins(start, b"OHDR\x02"):
        flags = file.number(start + 5, 1)
        fields, length, edge = ((0, 1), (1, 2), (3, 1)), 4 + 2 * (flags >> 2 & 1), 4
        first, width = start + 6 + 16 * (flags >> 5 & 1) + 4 * (flags >> 4 & 1), 1 << (flags & 3)
        pieces = [(first + width, file.number(first, width))]
    else:
        return
    for position, extent in pieces:  # which grows meanwhile
        end = position + extent
        if end > file.size:
            raise WeightFileError(
                f"it is damaged: a header at byte {position:,} claims to go on for {extent:,} bytes; download or copy it again"
            )
        while position + length <= end:
            kind, size, flags = (file.number(position + at, width) for at, width in fields)
            position += length
            yield Message(kind, flags, position, size)
            if kind == CONTINUATION:  # between its edges, a signature and a checksum
                pieces.append((file.origin + file.number(position) + edge, file.number(position + 8) - 2 * edge))
            position += size
