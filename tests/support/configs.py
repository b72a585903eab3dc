"""A small valid campaign in a folder of its own, to be broken in one place at a time."""

from pathlib import Path

from ase import Atoms
from ase.build import bulk
from ase.io import write

BASE = """\
name: small
seed: 7

systems:
  - name: LiCl
    structure: structures/LiCl.extxyz
    repeat: [1, 1, 1]

data:
  initial: []

initial:
  frames: 8
  rattle_A: 0.1

potential:
  foundation: null
  committee: 4

label:
  engine: gpaw
  xc: PBE
  cutoff_eV: 340
  kpts: [2, 2, 2]

fit:
  max_steps: 600
  stress_weight: 0.0

explore:
  temperatures_K: [600, 1000]
  ensemble: nvt
  timestep_fs: 2.0
  segment_fs: 500

select:
  policy: disagreement
  lower_eV_per_A: 0.05
  upper_eV_per_A: 1.5

heldout:
  fraction: 0.25
  minimum: 6

ladder:
  rungs: [12, 24, 48]
  policy: ladder

budget:
  labels: 64

execution:
  executors:
    local: {kind: local, workers: 2}
  label: local
"""


class Folder:
    """A folder with a config, and what stands beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def config(self, text: str, name: str = "small.yaml") -> Path:
        path = self.root / name
        path.write_text(text, encoding="utf-8")
        return path

    def broken(self, old: str, new: str) -> Path:
        assert BASE.count(old) == 1, old
        return self.config(BASE.replace(old, new))

    def frames(self, name: str, *frames: Atoms, **options: object) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, list(frames), **options)
        return path

    def listing(self) -> dict[str, bytes | None]:
        paths = sorted(self.root.rglob("*"))
        return {str(p.relative_to(self.root)): p.read_bytes() if p.is_file() else None for p in paths}


def make_folder(root: Path) -> Folder:
    """Return a folder with the structure that the small campaign names."""
    home = Folder(root / "campaign")
    home.frames("structures/LiCl.extxyz", bulk("LiCl", "rocksalt", a=5.14))
    return home
