"""Read text whatever its byte-order mark, the ends of its lines and its compression."""

from __future__ import annotations

from pathlib import Path

_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_COMPRESSED = (".gz", ".bz2", ".xz")


def plain_suffix(path: Path) -> str:
    """Return the suffix of a file in lower case, without that of its compression.

    Examples
    --------
    >>> plain_suffix(Path("a.CIF.gz")), plain_suffix(Path("POSCAR"))
    ('.cif', '')
    """
    return (Path(path.stem) if path.suffix.lower() in _COMPRESSED else path).suffix.lower()


def has_mark(path: Path) -> bool:
    """Return whether a file begins with a byte-order mark."""
    with path.open("rb") as file:
        return file.read(3).startswith(tuple(_MARKS))


def read_text(path: Path, most_bytes: int) -> str | None:
    """Return the text of a file with plain ends of lines and without a byte-order mark; None if it is no text.

    Parameters
    ----------
    path : pathlib.Path
        A file, compressed by gzip, bzip2 or xz if its name says so.
    most_bytes : int
        A longer text is refused.

    Raises
    ------
    OverflowError
        If it is longer.
    """
    from ase.io.formats import open_with_compression

    with open_with_compression(str(path), "rb") as file:
        raw: bytes = file.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise OverflowError(f"is larger than {most_bytes // 1_000_000} MB")
    encoding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in raw:
        return None
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return str(text.replace("\r\n", "\n").replace("\r", "\n"))
