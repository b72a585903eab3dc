"""Say which labelled frames of files a campaign takes, and refuse those that must not be trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ase import Atoms

from alloop.checks.isolated_atoms import isolated_atoms
from alloop.checks.label_units import force_order_doubt, force_unit_fault, named_as_virial, stress_unit_fault
from alloop.checks.labelled_files import read_labels
from alloop.checks.labelled_frames import (
    LabelledFrame,
    contradicting,
    fault_of,
    forceless,
    frames_apart,
    limits_of,
    place_of,
    stressless,
    zeroed,
)
from alloop.checks.structures import read_systems
from alloop.config.errors import KeyPath
from alloop.config.loading import LoadedConfig
from alloop.materials.structure import symbols_of
from alloop.materials.structure_files import unused

Finding = tuple[KeyPath, str]
_SHOWN = 6


@dataclass(frozen=True)
class Brought:
    """Labels from other campaigns.

    Attributes
    ----------
    labels : int
        How many count as training labels.
    numbers : frozenset of int
        The atomic numbers in all of them.
    places : frozenset of bytes
        The structures of those that count, see `place_of`.
    """

    labels: int = 0
    numbers: frozenset[int] = frozenset()
    places: frozenset[bytes] = frozenset()


NOTHING = Brought()


@dataclass(frozen=True, eq=False)
class InitialFile:
    """The labelled frames of one file, as a campaign takes them.

    Attributes
    ----------
    labels : tuple of LabelledFrame
        The frames that are taken.
    left_out : str
        Which are not, and why; empty if all are.
    """

    labels: tuple[LabelledFrame, ...]
    left_out: str = ""

    @property
    def frames(self) -> tuple[Atoms, ...]:
        """The frames that are taken, as ASE read them."""
        return tuple(label.atoms for label in self.labels)


def read_initial_data(loaded: LoadedConfig, known: Iterable[bytes] = ()) -> dict[str, InitialFile]:
    """Return the labelled frames of every file in ``data.initial``, by the name the config gives it.

    Isolated atoms, frames in which no atom has a neighbour, and frames that were there before are left out; see
    `isolated_atoms`.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    known : iterable of bytes
        Structures that have a label already, see `Brought.places`.

    Raises
    ------
    ConfigError
        If a file is missing or cannot be read, or a frame lacks a finite energy (eV) or forces (eV/Å) of its shape.
    """
    seen, same = set(known), loaded.config.data.reference == "same"
    files, e0s_eV = {}, isolated_atoms(loaded)
    for i, name in enumerate(loaded.config.data.initial):
        labels, alone = read_labels(loaded, i)
        taken: list[LabelledFrame] = []
        doubles: list[LabelledFrame] = []
        for label in labels:
            identity = _identity(label, same)
            (doubles if identity in seen else taken).append(label)
            seen.add(identity)
        files[name] = InitialFile(tuple(taken), _left_out(alone, doubles, e0s_eV))
    return files


def labels_brought(loaded: LoadedConfig, brought: Brought = NOTHING) -> int:
    """Return how many labels a campaign has from others and from files before it buys any."""
    if loaded.config.data.reference != "same":
        return brought.labels
    return brought.labels + sum(len(file.labels) for file in read_initial_data(loaded, brought.places).values())


def find_in_data(loaded: LoadedConfig) -> Iterator[Finding]:
    """Yield what keeps labelled frames that can be read from being trained on."""
    limits, data = limits_of(loaded.config), loaded.config.data
    for i, name in enumerate(data.initial):
        key: KeyPath = ("data", "initial", i)
        labels, _ = read_labels(loaded, i)
        if not labels and (useless := _why_useless(loaded, i)):
            yield key, f"`{name}` holds isolated atoms alone, {useless}"
        faulty = [(label, why) for label in labels if (why := fault_of(label, limits))] or list(frames_apart(labels))
        if faulty:
            (first, why), others = faulty[0], [label.number for label, _ in faulty[1:]]
            yield key, f"frame {first.number} of `{name}` {why}{f' (also {_frames(others)})' if others else ''}"
        else:
            yield from _find_in_labels(loaded, key, name, labels)
    yield from _find_nothing_to_fit(loaded)


def _find_nothing_to_fit(loaded: LoadedConfig) -> Iterator[Finding]:
    """Yield that a campaign has no frame to begin with, where its files hold isolated atoms alone."""
    config = loaded.config
    begins = config.initial.frames or config.potential.foundation is not None or config.data.campaigns
    files = [read_labels(loaded, i) for i in range(len(config.data.initial))]
    if files and not begins and not any(labels for labels, _ in files):
        what = "0 leaves nothing to fit first: data.initial holds isolated atoms alone"
        yield ("initial", "frames"), f"{what}; give initial frames, a foundation or labels in `data`"


def _why_useless(loaded: LoadedConfig, i: int) -> str:
    """Return why a file that holds isolated atoms alone gives nothing; empty if the energy of one is taken."""
    data, label = loaded.config.data, loaded.config.label
    if data.reference != "same":
        return "whose energies are taken with `reference: same` alone; delete it here, or change that"
    e0s_eV, (_, alone) = isolated_atoms(loaded), read_labels(loaded, i)
    if any(_is_taken(frame, e0s_eV) for frame in alone):
        return ""
    needs = f"one energy per element under `{data.energy_key}`, in a box of {label.isolated_atom_box_A:g} Å or more"
    return f"of which none is taken; they need {needs}"


def _find_in_labels(
    loaded: LoadedConfig, key: KeyPath, name: str, labels: Sequence[LabelledFrame]
) -> Iterator[Finding]:
    """Yield labels that contradict each other, or have another unit or sign than alloop's."""
    data, stresses = loaded.config.data, [label for label in labels if label.stress_eV_per_A3 is not None]
    if pair := contradicting(labels):
        what = f"are one structure with two labels ({pair[0].energy_eV:.6g} and {pair[1].energy_eV:.6g} eV)"
        yield key, f"frames {pair[0].number} and {pair[1].number} of `{name}` {what}; keep the right one"
    elif forceless(labels):
        yield key, f"all forces of `{name}` are 0, though its energies differ; give the forces, or leave the file out"
    elif fault := force_unit_fault(labels):
        yield key, f"in `{name}` {fault}; energies are in eV per cell and forces in eV/Å"
    elif stresses and named_as_virial(data.stress_key):
        what = "names a virial (eV, of the opposite sign); a stress is wanted, in eV/Å³"
        yield ("data", "stress_key"), f"`{data.stress_key}` {what}: divide the virial by minus the volume of the cell"
    elif stressless(stresses):
        what = f"all stresses of `{name}` are 0, though its energies differ"
        yield ("data", "stress_key"), f"{what}; give the stresses, or leave their key out of the file"
    elif stresses and (fault := stress_unit_fault(stresses, loaded.config.explore.pressure_GPa)):
        what = f"in `{name}` {fault}; a stress is in eV/Å³ with ASE's sign (1 eV/Å³ is 160.2 GPa, or 1602 kbar)"
        yield ("data", "stress_key"), what


def notes_on_data(loaded: LoadedConfig, brought: Brought = NOTHING) -> Iterator[str]:
    """Yield what of the labelled frames is left out or not used."""
    numbers: set[int] = set()
    for name, file in read_initial_data(loaded, brought.places).items():
        yield from (f"{name}: {note}" for note in _notes_on(file, loaded))
        numbers |= {int(z) for atoms in file.frames for z in atoms.numbers}
    own = {z for structure in read_systems(loaded).values() for z in structure.numbers}
    if strange := symbols_of(numbers - own):
        what = f"holds {', '.join(strange)}, which no system does"
        yield f"data.initial {what}: the models learn them too, and their isolated atoms are computed"


def _notes_on(file: InitialFile, loaded: LoadedConfig) -> Iterator[str]:
    if file.left_out:
        yield file.left_out
    if doubt := force_order_doubt(file.labels):
        yield doubt
    places: dict[str, list[int]] = {}
    for label in file.labels:
        for note in unused(label.atoms):
            places.setdefault(note, []).append(label.number)
        if zeroed(label):
            note = "forces of exactly 0 that leave a net force: those of fixed atoms? They are learnt as they are"
            places.setdefault(note, []).append(label.number)
        if not label.forces_eV_per_A.any():
            note = "forces of exactly 0, as a perfect crystal has: was it computed without forces?"
            places.setdefault(note, []).append(label.number)
        if label.stress_eV_per_A3 is None and loaded.config.fit.stress_weight > 0:
            note = f"no stress under `{loaded.config.data.stress_key}`, though fit.stress_weight is above 0"
            places.setdefault(note, []).append(label.number)
    for note, numbers in places.items():
        yield f"{_frames(numbers)}: {note}"


def _identity(label: LabelledFrame, same: bool) -> bytes:
    """Return what makes two labels one: the structure, and for labels to pre-train on their values too."""
    place = place_of(label.atoms)
    if same:
        return place
    stress = b"" if label.stress_eV_per_A3 is None else label.stress_eV_per_A3.tobytes()
    return place + repr(label.energy_eV).encode() + label.forces_eV_per_A.tobytes() + stress


def _left_out(alone: Sequence[LabelledFrame], doubles: Sequence[LabelledFrame], e0s_eV: Mapping[str, float]) -> str:
    told = []
    lone = [label for label in alone if _is_taken(label, e0s_eV)]
    if lone:
        what = f"the energies of isolated atoms ({_elements(lone)}), which are not computed"
        told.append(f"{_frames([label.number for label in lone])} taken for {what}")
    if rest := [label for label in alone if label not in lone]:
        what = f"in which no atom has a neighbour ({_elements(rest)}), because alloop computes isolated atoms itself"
        told.append(f"{_frames([label.number for label in rest])} left out, {what}")
    if doubles:
        told.append(f"{_frames([label.number for label in doubles])} left out as doubles of others")
    return "; ".join(told)


def _is_taken(frame: LabelledFrame, e0s_eV: Mapping[str, float]) -> bool:
    return len(frame.atoms) == 1 and str(frame.atoms.symbols[0]) in e0s_eV


def _elements(labels: Iterable[LabelledFrame]) -> str:
    return " ".join(symbols_of(z for label in labels for z in label.atoms.numbers))


def _frames(numbers: Sequence[int]) -> str:
    """Return the places of frames in words.

    Examples
    --------
    >>> _frames([3]), _frames([1, 2]), _frames(range(2, 11))
    ('frame 3', 'frames 1, 2', '9 frames (2, 3, 4, 5, 6, 7, …)')
    """
    listed = ", ".join(str(number) for number in numbers[:_SHOWN])
    if len(numbers) > _SHOWN:
        return f"{len(numbers)} frames ({listed}, …)"
    return f"frame{'s' if len(numbers) > 1 else ''} {listed}"
