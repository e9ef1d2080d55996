"""Decompression that stops at the size which was promised."""

from __future__ import annotations

import zlib


def inflate(compressed: bytes, size: int, window_bits: int = zlib.MAX_WBITS) -> bytes | None:
    """Decompress to exactly `size` bytes; None if it is damaged, or holds fewer or more."""
    decompressor = zlib.decompressobj(window_bits)
    try:
        content = decompressor.decompress(compressed, size + 1)
    except zlib.error:
        return None
    return content if len(content) == size else None
