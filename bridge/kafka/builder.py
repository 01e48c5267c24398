"""Kafka's record batches, written out: what an entry's records share is encoded once, and a batch is joined once.

aiokafka's own builder wants each value in one piece, which for `odds-state` would be a second copy of every odd, and
encodes every header of every record anew. Source of the format: KIP-98, magic 2;
`org.apache.kafka.common.record.DefaultRecordBatch`.
"""

from collections.abc import Callable
from functools import partial
from struct import Struct
from typing import Final, NamedTuple

from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.record.util import calc_crc32c

from bridge.records import Headers

_HEAD: Final = Struct(">qiibI")  # base offset, bytes behind this field, leader epoch, magic, CRC of all behind it
_BODY: Final = Struct(">hiqqqhii")  # attributes, last offset, first and last time, producer: id, epoch, sequence; count
_BEFORE_EPOCH: Final = 12
_MAGIC: Final = 2
_TRANSACTIONAL: Final = 0x10

_CODECS: Final[dict[str, tuple[int, Callable[[bytes], bytes]]]] = {
    "gzip": (1, gzip_encode),
    "snappy": (2, snappy_encode),
    "lz4": (3, lz4_encode),
    "zstd": (4, partial(zstd_encode, level=1)),  # a fifth less time than level 3, and a twentieth more bytes
}


def _varint(number: int) -> bytes:
    zigzag = number << 1 if number >= 0 else (-number << 1) - 1
    encoded = bytearray()
    while zigzag > 0x7F:
        encoded.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    encoded.append(zigzag)
    return bytes(encoded)


class _Varints(dict[int, bytes]):
    def __missing__(self, number: int) -> bytes:
        return _varint(number)


_VARINTS: Final = _Varints((number, _varint(number)) for number in range(-1, 16_384))
"""Zig-zag varints: the usual ones are at hand, others are made when they are asked for."""

_NO_VALUE: Final = _VARINTS[-1]
_ATTRIBUTES: Final = b"\0"  # of a record; none are defined


class Shared(NamedTuple):
    """What the records of an entry have in common, as it stands in each of them.

    Attributes:
        before: What each value begins with.
        behind: What each value ends with, and the headers.
        of_value: Bytes that the values have in common.
        of_record: Bytes that the records have in common.
    """

    before: bytes
    behind: bytes
    of_value: int
    of_record: int


def shared(headers: Headers, before: bytes = b"", behind: bytes = b"") -> Shared:
    """Encode what records have in common: their headers, and what stands before and behind their own values."""
    parts = [behind, _VARINTS[len(headers)]]
    for name, value in headers:
        name_utf8 = name.encode()
        parts += (_VARINTS[len(name_utf8)], name_utf8, _VARINTS[len(value)], value)
    behind_all = b"".join(parts)
    return Shared(before, behind_all, len(before) + len(behind), len(_ATTRIBUTES) + len(before) + len(behind_all))


class Builder:
    """One batch in the making.

    Beside `add` it has what aiokafka asks of a batch that it is given to send, by aiokafka's names.

    Args:
        limit: Bytes that it takes before compression; but one record always.
        compression: A codec's name, or None.
        transactional: Whether it is part of a transaction.
    """

    def __init__(self, limit: int, compression: str | None, *, transactional: bool) -> None:
        self._limit = limit
        self._compression = compression
        self._transactional = transactional
        self._records: list[bytes] = []
        self._count = 0
        self._size = _HEAD.size + _BODY.size
        self._first_ms = 0
        self._last_ms = 0
        self._producer = (-1, -1, 0)
        self._built: bytes | None = None
        self._closed = False

    def add(self, key: bytes, value: bytes | None, timestamp_ms: int, common: Shared) -> bool:
        """Add a record; False when it doesn't fit any more. One without a value has nothing in common but headers."""
        count = self._count
        if not count:
            self._first_ms = self._last_ms = timestamp_ms
        varints = _VARINTS
        before, behind, of_value, of_record = common
        own = len(key)
        since, place, key_size = varints[timestamp_ms - self._first_ms], varints[count], varints[own]
        if value is None:
            value, value_size = b"", _NO_VALUE
        else:
            value_size = varints[of_value + len(value)]
        own += len(value)
        size = of_record + len(since) + len(place) + len(key_size) + len(value_size) + own
        length = varints[size]
        grown = self._size + len(length) + size
        if grown > self._limit and count:
            return False
        if timestamp_ms != self._last_ms:
            self._last_ms = max(self._last_ms, timestamp_ms)
        self._records += (length, _ATTRIBUTES, since, place, key_size, key, value_size, before, value, behind)
        self._size = grown
        self._count = count + 1
        return True

    def size(self) -> int:
        """Its bytes: before it is built uncompressed, then as they are sent."""
        return self._size if self._built is None else len(self._built)

    def record_count(self) -> int:
        """How many records it has."""
        return self._count

    def close(self) -> None:
        """Take no more records."""
        self._closed = True

    def closed(self) -> bool:
        """Whether it takes no more records."""
        return self._closed

    def _set_producer_state(self, producer_id: int, epoch: int, sequence: int) -> None:
        self._producer = (producer_id, epoch, sequence)

    def _build(self) -> bytes:
        self.close()
        if self._built is None:
            self._built = self._batch()
            self._records = []
        return self._built

    def _batch(self) -> bytes:
        records = b"".join(self._records)
        attributes = _TRANSACTIONAL if self._transactional else 0
        if self._compression is not None:
            codec, compress = _CODECS[self._compression]
            compressed = compress(records)
            if len(compressed) < len(records):
                records, attributes = compressed, attributes | codec
        last, count = self._count - 1, self._count
        body = _BODY.pack(attributes, last, self._first_ms, self._last_ms, *self._producer, count) + records
        length = _HEAD.size - _BEFORE_EPOCH + len(body)
        return _HEAD.pack(0, length, -1, _MAGIC, calc_crc32c(body)) + body
