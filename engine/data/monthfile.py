"""One month of candles as a Parquet file: bytes in, bytes out, so that what is read is what was hashed."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

from engine.data.contract import Batch, CandleError, Inspection
from engine.data.manifest import SCHEMA, Month, digest
from engine.data.tables import plain

COLUMNS = ("open_time", "open", "high", "low", "close", "volume")
LABELS = ("venue", "symbol", "source", "schema", "contents")
"""What the file says of itself; ``contents`` is the hash of its columns, so that it can be trusted without a manifest."""


class Labels(NamedTuple):
    venue: str
    symbol: str
    source: str


def pack(batch: Batch, labels: Labels) -> bytes:
    """The Parquet file: int64 UTC nanoseconds and five float64 columns, none of them null."""
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet as pq

    table = arrow_table(batch, {})
    words = {**labels._asdict(), "schema": str(SCHEMA), "contents": _contents(_columns(table))}
    table = table.replace_schema_metadata(words)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def arrow_schema(words: dict[str, str]) -> Any:
    """The columns, and what the file says of itself."""
    import pyarrow as pa

    kinds = [pa.int64(), *[pa.float64()] * 5]
    fields = [pa.field(name, kind, nullable=False) for name, kind in zip(COLUMNS, kinds, strict=True)]
    return pa.schema(fields, metadata=words)


def arrow_table(batch: Batch, words: dict[str, str]) -> Any:
    import pyarrow as pa

    schema = arrow_schema(words)
    arrays = [pa.array(column, field.type) for column, field in zip(batch[1:], schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def unpack(raw: bytes, where: str, *, known: bool = False) -> tuple[Batch, Labels]:
    """CandleError for what is no month file. Unless the file is ``known`` to be whole, its contents must match their own hash."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(raw), use_threads=False)
        words = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        arrays = _columns(table)
        if any(array.null_count for array in arrays) or not (known or words.get("contents") == _contents(arrays)):
            raise CandleError("the contents are not as they were written", where)
        columns = [plain(array, code) for array, code in zip(arrays, "qddddd", strict=True)]  # type: ignore[arg-type]
    except (pa.ArrowException, OSError, ValueError, KeyError, AttributeError) as error:
        raise CandleError(f"it is no month of the store: {str(error)[:120]!a}", where) from error
    labels = Labels(words.get("venue", ""), words.get("symbol", ""), words.get("source", ""))
    return Batch(range(len(columns[0])), *columns), labels


def _columns(table: Any) -> list[Any]:
    """One array a column."""
    import pyarrow as pa

    found = [table.column(name).combine_chunks() for name in COLUMNS]
    return [pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array for array in found]


def _contents(arrays: list[Any]) -> str:
    found = sha256()
    for array in arrays:
        if len(array):
            begin, end = array.offset * 8, (array.offset + len(array)) * 8
            found.update(memoryview(array.buffers()[1])[begin:end])
    return found.hexdigest()


def summary(batch: Batch, raw: bytes, source: str) -> Month:
    inspection = Inspection()
    inspection.take(batch)
    return Month(
        rows=inspection.rows,
        first=inspection.first,
        last=inspection.last,
        gaps=inspection.gap_count,
        missing=inspection.missing,
        bytes=len(raw),
        sha256=digest(raw),
        source=source,
    )
