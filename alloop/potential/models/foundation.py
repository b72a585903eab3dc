"""Find foundation models, fetch them once, check them, and place them in a campaign's folder."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from ase.data import chemical_symbols

from alloop.config.foundations import SHIPPED, PlacedFoundation
from alloop.config.science import MOST_MEMBERS, FoundationFile, FoundationHead, head_wanted
from alloop.config.suggestions import hint
from alloop.failures import ForeseenError
from alloop.files.durable import sync_folder, write_durably
from alloop.files.environment import expanded
from alloop.files.plain_files import read_below
from alloop.potential.mace_api import get_cache_dir, mace_mp_urls
from alloop.potential.models.architecture import ArchitectureError, describe_model, heads_of, numbers_of
from alloop.potential.models.foundation_committee import member_of, saved_members
from alloop.potential.models.heads import chosen_head

Progress = Callable[[int, int | None], None]

_TIMEOUT_s = 30.0
_CHUNK_bytes = 1 << 18
MAX_BYTES = 8 << 30
_REINSTALL = "it comes with alloop: install alloop again"


class FoundationError(ForeseenError):
    """A foundation model cannot be found, fetched or used; the message is one line for the user."""


def resolve_foundation(
    foundation: str | FoundationFile | FoundationHead | None,
    *,
    config_folder: Path,
    campaign_root: Path,
    begun: bool = False,
    progress: Progress | None = None,
) -> PlacedFoundation | None:
    """Place a foundation at ``<campaign_root>/foundation/<sha256>.model`` and say what it is.

    Called once before any work starts. A named model is downloaded into MACE's own cache unless it is there. A resumed
    campaign needs neither network nor cache: the checksums of the models this user fetched are kept next to the
    cache, and the campaign's own copy is opened only if it has one of them.

    Parameters
    ----------
    foundation : str, FoundationFile, FoundationHead or None
        The config's ``potential.foundation``.
    config_folder : pathlib.Path
        Where a relative path starts.
    campaign_root : pathlib.Path
        The campaign's folder.
    begun : bool
        Whether the campaign exists already: then its head was chosen when it began.
    progress : callable or None
        Called with bytes so far and bytes in total (None if unknown) during a download.

    Returns
    -------
    PlacedFoundation or None
        None without a foundation.

    Raises
    ------
    FoundationError
        If the model is unknown, missing, altered, unreachable or not usable.
    HeadError
        If it has several heads and none is named, or not the named one.
    """
    if foundation is None:
        return None
    folder = Path(campaign_root) / "foundation"
    if isinstance(foundation, FoundationFile):
        sha256 = _place_file(foundation, Path(config_folder), folder)
    else:
        name = foundation if isinstance(foundation, str) else foundation.name
        sha256 = _place_named(name, folder, progress)
    file = folder / f"{sha256}.model"
    module = load_foundation_file(file, sha256)
    elements, members = foundation_elements(module), len(_members(_checked(file, sha256), file) or [])
    for number in range(members):
        _require_alike(load_foundation_file(file, sha256, member=number), number, elements, file)
    check_head(module, head_wanted(foundation), begun=begun)
    return PlacedFoundation(sha256, elements, members)


def _require_alike(module: torch.nn.Module, member: int, elements: tuple[str, ...], file: Path) -> None:
    """Refuse a member of a committee that differs from the leader in what it knows, or has heads to choose from."""
    if foundation_elements(module) != elements:
        raise FoundationError(f"foundation {file}: member {member} knows other elements than the leader")
    if len(heads_of(module)) > 1:
        raise FoundationError(f"foundation {file}: member {member} has several heads; each may have one only")


def load_foundation_file(path: Path, sha256: str, *, member: int | None = None, device: str = "cpu") -> torch.nn.Module:
    """Load a foundation model; the pickle is opened only after its checksum was found right.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    sha256 : str
        Its checksum.
    member : int or None
        The member of a foundation that is a committee; None for its leader.
    device : str
        Where the model shall live.

    Raises
    ------
    FoundationError
        If the checksum differs or the file is not a model alloop can use.
    """
    module = load_model_file(path, sha256, member=member, device=device)
    _require_usable(module, path)
    loaded: torch.nn.Module = module
    return loaded


def load_model_file(path: Path, sha256: str, *, member: int | None = None, device: str = "cpu") -> Any:
    """Load what a file of MACE holds, or a member of a committee in alloop's format.

    A pickle is opened only after its checksum was found right.

    Raises
    ------
    FoundationError
        If the checksum differs or the file holds neither.
    """
    content = _checked(Path(path), sha256)
    members = _members(content, path)
    try:
        if members is not None:
            return member_of(members, member or 0, device)
        return torch.load(io.BytesIO(content), map_location=device, weights_only=False)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise FoundationError(
            f"foundation {path} is not a model saved by MACE ({type(error).__name__}: {first})"
        ) from (error)


def _checked(path: Path, sha256: str) -> bytes:
    """Return the content of a foundation's file, if it has the right checksum."""
    try:
        content = read_below(path.parent, path, MAX_BYTES)
    except OSError as error:
        mend = f"; {_REINSTALL}" if _comes_with_alloop(path) else ""
        raise FoundationError(f"cannot read foundation {path}: {error.strerror or error}{mend}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        mend = _REINSTALL if _comes_with_alloop(path) else "correct foundation.sha256 if you trust this file"
        raise FoundationError(f"foundation {path} has sha256 {found[:12]}…, not {sha256[:12]}…: not loaded; {mend}")
    return content


def _comes_with_alloop(path: Path) -> bool:
    return any(path == shipped.path for shipped in SHIPPED.values())


def _members(content: bytes, path: Path) -> list[Any] | None:
    """Return the members of a committee, each as saved, or None if the content is no committee."""
    members = saved_members(content)
    if members is not None and len(members) > MOST_MEMBERS:
        what = f"it has {len(members)} members, and a committee has {MOST_MEMBERS} at most"
        raise FoundationError(f"foundation {path} cannot be used: {what}")
    return members


def foundation_elements(model: Path | torch.nn.Module) -> tuple[str, ...]:
    """Return the chemical symbols a foundation knows, by atomic number.

    Parameters
    ----------
    model : pathlib.Path or torch.nn.Module
        A loaded model, or a file of a campaign's store, which is named by its checksum.
    """
    module = load_foundation_file(model, model.stem) if isinstance(model, Path) else model
    return tuple(chemical_symbols[z] for z in sorted(numbers_of(module)))


def check_head(module: torch.nn.Module, wanted: str | None, *, begun: bool = False) -> None:
    """Refuse a foundation that lacks the head that a config names, or has several of which it names none.

    Raises
    ------
    HeadError
        In one line that lists the heads.
    """
    # A campaign of the time before heads had names goes on with the default one.
    if not (begun and wanted is None):
        chosen_head(module, wanted)


def _require_usable(module: Any, path: Path) -> None:
    try:
        if not isinstance(module, torch.nn.Module):
            raise ArchitectureError(f"it holds a {type(module).__name__}")
        describe_model(module)
    except (ArchitectureError, AttributeError) as error:
        raise FoundationError(f"foundation {path} cannot be used: {error}") from error


def check_foundation_name(name: str) -> None:
    """Refuse a name that is neither one of alloop's foundations nor of MACE's.

    Raises
    ------
    FoundationError
        With the name that was probably meant, or with all of them.
    """
    known = (*SHIPPED, *mace_mp_urls)
    if name not in known:
        mend = hint(name, known, f"known: {', '.join(known)}")
        what = f"no foundation has the name `{name}`; {mend}"
        raise FoundationError(f"{what} (a file is named as foundation: {{path: ..., sha256: ...}})")


def _place_file(foundation: FoundationFile, config_folder: Path, folder: Path) -> str:
    target = folder / f"{foundation.sha256}.model"
    if not os.path.lexists(target):
        source = config_folder / expanded(foundation.path)
        if not source.is_file():
            raise FoundationError(f"foundation file {source} does not exist: correct potential.foundation.path")
        load_foundation_file(source, foundation.sha256)
        _write(target, source.read_bytes())
    return foundation.sha256


def cached_foundation(name: str) -> Path | None:
    """Return the file of a named foundation, alloop's own or in MACE's cache, or None; nothing is downloaded.

    Raises
    ------
    FoundationError
        If there is no such foundation.
    """
    check_foundation_name(name)
    if shipped := SHIPPED.get(name):
        return shipped.path
    path = _cache_path(mace_mp_urls[name])
    return path if path.is_file() else None


def fetch_foundation(name: str) -> tuple[Path, str]:
    """Return the file of a named foundation and its SHA-256; one of MACE's is downloaded unless its cache holds it.

    Raises
    ------
    FoundationError
        If there is no such foundation, or it cannot be fetched.
    """
    check_foundation_name(name)
    if shipped := SHIPPED.get(name):
        return shipped.path, shipped.sha256
    url = mace_mp_urls[name]
    path = _cached_or_downloaded(name, url, None)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    _remember_fetched(url, sha256)
    return path, sha256


def _place_named(name: str, folder: Path, progress: Progress | None) -> str:
    urls: Mapping[str, str] = mace_mp_urls
    check_foundation_name(name)
    if shipped := SHIPPED.get(name):
        content = _checked(shipped.path, shipped.sha256)
        _write(folder / f"{shipped.sha256}.model", content)
        return shipped.sha256
    note = folder / f"{name}.sha256"
    noted = _noted(note)
    if noted and _was_fetched(urls[name], noted):
        return noted
    content = _cached_or_downloaded(name, urls[name], progress).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    _remember_fetched(urls[name], sha256)
    if noted and noted != sha256:
        what = f"{folder / noted}.model is not a {name!r} that you fetched, and is not opened"
        raise FoundationError(f"{what}; if you trust the campaign, copy MACE's cache folder from where it began")
    _write(folder / f"{sha256}.model", content)
    _write(note, f"{sha256}\n".encode("ascii"))
    return sha256


def _write(path: Path, content: bytes) -> None:
    """Write a file into the folder ``foundation`` of a campaign, whose own folder is made if missing."""
    root = path.parent.parent
    root.mkdir(parents=True, exist_ok=True)
    write_durably(path, content, below=root)


def _noted(note: Path) -> str:
    """Return the checksum that a campaign notes for its named foundation, if it holds that model; empty if not."""
    try:
        text = read_below(note.parent, note, 1000).decode("ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise FoundationError(str(error)) from error
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise FoundationError(f"{note}: holds no checksum; remove it")
    return text if os.path.lexists(note.parent / f"{text}.model") else ""


def _was_fetched(url: str, sha256: str) -> bool:
    """Return whether this user once fetched a file of this checksum from a URL: it is in the cache, or remembered."""
    with contextlib.suppress(OSError):
        if sha256 in _remembered(url).read_text(encoding="ascii", errors="replace").split():
            return True
    with contextlib.suppress(OSError), _cache_path(url).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    return False


def _remember_fetched(url: str, sha256: str) -> None:
    with contextlib.suppress(OSError):
        path = _remembered(url)
        if sha256 not in (path.read_text(encoding="ascii", errors="replace").split() if path.exists() else ()):
            with path.open("a", encoding="ascii") as file:
                file.write(f"{sha256}\n")


def _remembered(url: str) -> Path:
    cached = _cache_path(url)
    return cached.with_name(f"{cached.name}.alloop-sha256")


def _cached_or_downloaded(name: str, url: str, progress: Progress | None) -> Path:
    cached = _cache_path(url)
    if not cached.is_file():
        try:
            _download(url, cached, progress)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise FoundationError(
                f"cannot download foundation {name!r} from {url} ({reason}): download it on a connected machine and "
                "name the file as foundation: {path: ..., sha256: ...}"
            ) from error
    return cached


def _cache_path(url: str) -> Path:
    """Return where MACE itself keeps the model of a URL."""
    name = "".join(letter for letter in os.path.basename(url) if letter.isalnum() or letter == "_")  # noqa: PTH119
    return Path(get_cache_dir()) / name


def _download(url: str, target: Path, progress: Progress | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_s) as response, temporary.open("wb") as file:
            if response.headers.get_content_type() == "text/html":
                raise ValueError("the server sent a web page")
            expected = int(response.headers.get("Content-Length") or 0) or None
            received = 0
            while chunk := response.read(_CHUNK_bytes):
                file.write(chunk)
                received += len(chunk)
                if progress is not None:
                    progress(received, expected)
            if expected is not None and received != expected:
                raise ValueError(f"only {received} of {expected} bytes came")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)
