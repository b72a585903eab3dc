"""File systems as the kernel lists them: which are shared between hosts, and how far a lock reaches there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

FLOCK_REACHES_ALL = frozenset(
    ("nfs", "nfs4", "lustre", "ceph", "gfs2", "ocfs2", "fuse.ceph", "fuse.ceph-fuse", "fuse.glusterfs")
)
"""Types of shared file systems whose servers keep flock, unless a mount option says otherwise."""

SHARED = FLOCK_REACHES_ALL | {
    *("gpfs", "mmfs", "beegfs", "fhgfs", "panfs", "orangefs", "pvfs2", "wekafs", "cvfs", "glusterfs", "gfs"),
    *("cifs", "smb3", "smbfs", "afs", "kafs", "coda", "davfs", "9p", "virtiofs", "vboxsf", "fuse"),
}
"""Types of file systems that several hosts see; ``fuse.<anything>`` counts as well."""

FLOCK_ON_ONE_HOST = frozenset(
    ("localflock", "noflock", "localflocks", "nolock", "local_lock=flock", "local_lock=all", "nobrl")
)
"""Mount options under which a lock holds on one host only, or not at all."""


@dataclass(frozen=True)
class Mount:
    """A mounted file system: where, its type, and the options of the mount and of the file system."""

    point: str
    kind: str
    options: frozenset[str] = frozenset()

    @property
    def shared(self) -> bool:
        """Whether other hosts may see these files."""
        return self.kind in SHARED or self.kind.startswith("fuse.")

    @property
    def flock_reaches_all(self) -> bool:
        """Whether flock, where it works, is known to hold between all hosts that see these files."""
        return not self.shared or (self.kind in FLOCK_REACHES_ALL and not self.options & FLOCK_ON_ONE_HOST)


LOCAL = Mount("/", "local")


def parse_mountinfo(text: str) -> list[Mount]:
    """Return the mounts in the text of ``/proc/self/mountinfo``; lines of another form are passed over."""
    return [mount for line in text.splitlines() if (mount := _parse(line)) is not None]


def mount_under(path: Path, mounts: list[Mount]) -> Mount:
    """Return the mount that holds an absolute path: the deepest, and of several on one point the last."""
    found = LOCAL
    for mount in mounts:
        if path.is_relative_to(mount.point) and len(mount.point) >= len(found.point):
            found = mount
    return found


def mount_of(path: Path) -> Mount:
    """Return the mount that holds a path; a local one where the kernel keeps no list."""
    try:
        text = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return LOCAL
    return mount_under(Path(path).resolve(), parse_mountinfo(text))


def _parse(line: str) -> Mount | None:
    front, separator, back = line.partition(" - ")
    before, after = front.split(" "), back.split(" ")
    if not separator or len(before) < 6 or len(after) < 2:
        return None
    options = {*before[5].split(","), *(after[2].split(",") if len(after) > 2 else ())}
    return Mount(_unescaped(before[4]), after[0], frozenset(options - {""}))


def _unescaped(text: str) -> str:
    """Undo the kernel's octal escapes of blanks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
