"""Bodies that cannot grow beyond what was agreed, however small they look on the wire."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from imagesetter.errors import ProtocolError
from imagesetter.registry.http.redaction import printable

PACKED_CAP = 16 * 1024 * 1024
"""Bytes that a packed body may unpack to: packing is not requested, and a decompression bomb has to stay cheap."""

_COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz", "exi"})
"""Those of IANA's registry of content codings."""
_STEP = 64 * 1024
_ANY_HEADER = zlib.MAX_WBITS + 32
_GZIP = b"\x1f"


def compression(header: str) -> str:
    """How a body is compressed by its ``Content-Encoding``; "" where it is not.

    Other words than those of compressions say nothing about the bytes: servers of S3's kind repeat ``aws-chunked`` of
    the upload, and others name a character set.
    """
    words = [word.strip() for word in header.lower().split(",")]
    return ", ".join(word for word in words if word in _COMPRESSIONS)


def whole_body(chunks: Iterable[bytes], encoding: str, cap: int) -> Iterator[bytes]:
    """The body of a success, in parts.

    Raises:
        ProtocolError: it is larger than *cap* bytes (unpacked), or not packed as it says.
    """
    if encoding:
        cap = min(cap, PACKED_CAP)
    total = 0
    for part in _unpack(chunks, encoding):
        total += len(part)
        if total > cap:
            raise ProtocolError(f"the response is larger than {cap // 1024} KiB, which none should be")
        yield part


def first_bytes(chunks: Iterable[bytes], encoding: str, cap: int) -> Iterator[bytes]:
    """The beginning of any other answer's body, to quote from; the rest is left unread."""
    left = cap
    try:
        for part in _unpack(chunks, encoding):
            yield part[:left]
            left -= len(part)
            if left <= 0:
                return
    except ProtocolError:
        return


def _unpack(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Gzip and deflate, though they are not requested; 64 KiB at a time, however small the packed form is."""
    if not encoding:
        yield from chunks
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ProtocolError(f"the response is compressed as '{printable(encoding)}', which was not requested")
    unpacker = None
    for chunk in chunks:
        while chunk:
            if unpacker is None or (unpacker.eof and chunk.startswith(_GZIP)):
                # Gzip may have several members, and many servers understand deflate to be without the header of zlib.
                bare = encoding == "deflate" and chunk[0] & 0x0F != zlib.DEFLATED
                unpacker = zlib.decompressobj(-zlib.MAX_WBITS if bare else _ANY_HEADER)
            elif unpacker.eof:
                break
            try:
                yield unpacker.decompress(chunk, _STEP)
            except zlib.error as err:
                raise ProtocolError(f"the response claims to be compressed as {encoding} and is not") from err
            chunk = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if unpacker is not None and not unpacker.eof:
        raise ProtocolError(f"the response, compressed as {encoding}, ends early")
