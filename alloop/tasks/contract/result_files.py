"""Write and read the bytes of a result file: two lines of JSON, bounded in size, verified by checksums."""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO

from alloop.files.canonical_json import canonical_json, sha256_text
from alloop.tasks.contract.records import Result

MAX_HEADER_BYTES = 16 << 20
MAX_BYTES = 256 << 20


class DamagedResultError(Exception):
    """A result file does not match its own checksums; the message is one line."""


def result_to_bytes(result: Result) -> bytes:
    """Return the file of a result.

    Raises
    ------
    ValueError
        If a number in it is not finite, or it is larger than anybody would read back.
    """
    data = canonical_json(result.data)
    header = result.model_dump(mode="json", exclude={"data"})
    header["data_sha256"] = sha256_text(data)
    header["header_sha256"] = sha256_text(canonical_json(header))
    head, content = canonical_json(header).encode(), data.encode()
    if len(head) >= MAX_HEADER_BYTES or len(head) + len(content) + 2 > MAX_BYTES:
        raise ValueError(f"a result of {(len(head) + len(content)) >> 20} MB is too large")
    return b"%s\n%s\n" % (head, content)


def result_from_bytes(content: bytes, kind: str, key: str) -> Result:
    """Return the verified result in the bytes of a file.

    Raises
    ------
    DamagedResultError
        If they do not match their checksums, or belong to another task.
    """
    head, _, data = content.partition(b"\n")
    return _verified(head, data.removesuffix(b"\n"), kind, key)


def read_header(file: BinaryIO, kind: str, key: str) -> Result:
    """Return the verified result at the beginning of a file, without its data.

    Raises
    ------
    DamagedResultError
        If the header does not match its checksum, or belongs to another task.
    """
    return _verified(file.readline(MAX_HEADER_BYTES), None, kind, key)


def _verified(head: bytes, data: bytes | None, kind: str, key: str) -> Result:
    try:
        return _parse(head, data, kind, key)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise DamagedResultError(f"the result {kind}/{key} is damaged: {what}") from error


def _parse(head: bytes, data: bytes | None, kind: str, key: str) -> Result:
    if len(head) >= MAX_HEADER_BYTES:
        raise ValueError("its header is too long")
    header = _loads(head)
    claimed, data_sha256 = header.pop("header_sha256"), header["data_sha256"]
    if sha256_text(canonical_json(header)) != claimed:
        raise ValueError("header does not match its checksum")
    if data is not None and sha256_text(data.decode()) != data_sha256:
        raise ValueError("data do not match their checksum")
    header.pop("data_sha256")
    if (header["kind"], header["key"]) != (kind, key):
        raise ValueError("result of another task")
    return Result.model_validate({**header, "data": _loads(data) if data is not None else {}})


def _loads(text: bytes) -> Any:
    """Return the value of a JSON text in which every number is finite and every integer of a sane size."""
    return json.loads(text, parse_float=_finite, parse_int=_integer, parse_constant=_finite)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value


def _integer(text: str) -> int:
    if len(text) > 20:
        raise ValueError("an integer is too large")
    return int(text)
