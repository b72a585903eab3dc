"""The label engine of ``engine: gpaw``: GPAW in plane waves."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ase import Atoms

from alloop.config.label import GpawLabel, KptSpacing
from alloop.failures import OutOfTimeError, TaskFailure
from alloop.labelling import gpaw_job as job_script
from alloop.labelling.answers import from_answer
from alloop.labelling.engine import Finding, Follow, LabelEngine, PlaneWaves, isolated_atom
from alloop.labelling.errors import FORESEEN, CodeMismatchError, NotConvergedError, RanksError, check_code
from alloop.labelling.gpaw_checks import check_gpaw_settings
from alloop.labelling.gpaw_datasets import WITHOUT_LIBXC, dataset_name, dataset_sha256, setup_name, setup_type
from alloop.labelling.gpaw_dispersion import dispersion_version, with_dispersion
from alloop.labelling.gpaw_job import LOG, JobError, Series, calculate
from alloop.labelling.gpaw_keywords import gpaw_job, with_grid
from alloop.labelling.ranks import Launch, program_problem, run
from alloop.labelling.singlepoint import AtomPoint, SinglePoint
from alloop.materials.electrons import is_odd
from alloop.materials.kpoints import grid_for
from alloop.materials.structure import Structure


class GpawEngine(LabelEngine[GpawLabel]):
    """GPAW: in the worker, or as a program on one MPI rank or several."""

    settings = GpawLabel
    packages = ("gpaw", "gpaw-data")
    logs = (LOG,)
    answers = job_script.SCIENTIFIC_ERRORS

    def words(self, label: GpawLabel) -> str:
        """Return the functional, cutoff and k-points."""
        kpts = f"{label.kpts.spacing_per_A:g} 1/Å between" if isinstance(label.kpts, KptSpacing) else _words(label.kpts)
        dispersion = " + D3" if label.dispersion == "d3" else ""
        return f"GPAW {label.xc}{dispersion}, plane waves {label.cutoff_eV:g} eV, {kpts} k-points"

    def check(self, label: GpawLabel, elements: Iterable[str]) -> list[str]:
        """Return what is wrong with the settings; GPAW builds everything but the calculation."""
        return check_gpaw_settings(label, elements)

    def identity(self, label: GpawLabel, elements: Iterable[str]) -> dict[str, str]:
        """Return ``gpaw`` (version), ``setup_<element>`` (SHA-256 of a PAW dataset), and ``libxc``, ``dftd3``."""
        import gpaw

        setup, setups = setup_name(label.xc), label.gpaw.get("setups")
        identity = {"gpaw": gpaw.__version__}
        for symbol in sorted(set(elements)):
            identity[f"setup_{symbol}"] = dataset_sha256(symbol, setup_type(setups, symbol), setup)
        if label.xc not in WITHOUT_LIBXC:
            identity["libxc"] = gpaw.get_libraries()["libxc"]
        if label.dispersion == "d3":
            identity["dftd3"] = dispersion_version()
        return identity

    def code_for(self, code: Mapping[str, str], elements: Iterable[str]) -> dict[str, str]:
        """Return an identity without the datasets of other elements.

        So the key of a label depends on nothing of the campaign's other elements.

        Examples
        --------
        >>> ENGINE.code_for({"gpaw": "26.7.0", "setup_Li": "ab", "setup_Cl": "cd"}, {"Li"})
        {'gpaw': '26.7.0', 'setup_Li': 'ab'}
        """
        wanted = {f"setup_{element}" for element in elements}
        return {name: value for name, value in code.items() if not name.startswith("setup_") or name in wanted}

    def single_point(
        self, atoms: Atoms, label: GpawLabel, code: dict[str, str], folder: Path, launch: Launch | None = None
    ) -> SinglePoint:
        """Return the single point of a frame, D3 included; see `LabelEngine.single_point`."""
        point = from_answer(self._answer(gpaw_job(atoms, label), atoms, label, code, folder, launch), len(atoms))
        return with_dispersion(point, atoms, label.xc) if label.dispersion == "d3" else point

    @contextmanager
    def following(
        self, label: GpawLabel, code: dict[str, str], folder: Path, launch: Launch | None = None
    ) -> Iterator[Follow]:
        """Give what computes frames, each from the wavefunctions and the density of the one before, without a stress.

        Frames that run as programs begin anew each.
        """
        if launch is not None:
            with super().following(label, code, folder, launch) as follow:
                yield follow
            return
        with (folder / LOG).open("w", encoding="utf-8") as log:
            series = Series(log)

            def point(atoms: Atoms) -> SinglePoint:
                check_code(code, self.identity(label, set(atoms.symbols)))
                with _foreseen():
                    answer = series.next({**gpaw_job(atoms, label), "stress": False})
                found = from_answer(answer, len(atoms))
                return with_dispersion(found, atoms, label.xc) if label.dispersion == "d3" else found

            yield point

    def atom(
        self, element: str, label: GpawLabel, code: dict[str, str], folder: Path, launch: Launch | None = None
    ) -> AtomPoint:
        """Return the spin-polarised isolated atom; D3 adds nothing to it."""
        atoms = isolated_atom(element, label.isolated_atom_box_A)
        answer = self._answer(gpaw_job(atoms, label, isolated=True), atoms, label, code, folder, launch)
        return AtomPoint(energy_eV=answer["energy_eV"], magnetic_moment_muB=answer["magnetic_moment_muB"])

    def for_system(self, label: GpawLabel, structure: Structure) -> GpawLabel:
        """Return the settings with the grid of k-points of the system's cell; see `LabelEngine.for_system`."""
        return with_grid(label, structure)

    def per_cell(self, label: GpawLabel, structure: Structure) -> str:
        """Return the grid of k-points where the settings give their spacing."""
        if not isinstance(label.kpts, KptSpacing):
            return ""
        return f"k {_words(grid_for(structure, label.kpts.spacing_per_A))}"

    def plane_waves(self, label: GpawLabel, structure: Structure) -> PlaneWaves:
        """Return cutoff and k-points; a spacing of these is a grid in the system's cell."""
        kpts = label.kpts
        grid = grid_for(structure, kpts.spacing_per_A) if isinstance(kpts, KptSpacing) else kpts
        return PlaneWaves(label.cutoff_eV, grid)

    def charge(self, label: GpawLabel) -> float:
        """Return the configured charge, in elementary charges."""
        return label.charge

    def check_frame(self, label: GpawLabel, atoms: Atoms) -> None:
        """Refuse a frame with an odd number of electrons, unless the settings say how its spin is treated."""
        if label.spin is None and is_odd(atoms, label.charge):
            raise TaskFailure(
                "odd_electrons",
                f"{atoms.get_chemical_formula('metal')} with charge {label.charge:g} has an odd number of electrons; "
                "set label.spin (true with magmoms, or false), or label.charge",
            )

    def check_systems(self, label: GpawLabel, structures: Mapping[str, Structure]) -> Iterator[Finding]:
        """Yield the systems with an odd number of electrons, unless the settings say how their spin is treated."""
        if label.spin is not None or not label.charge.is_integer():
            return
        for name, structure in structures.items():
            atoms = structure.to_atoms()
            if is_odd(atoms, label.charge):
                electrons = int(atoms.numbers.sum() - label.charge)
                what = f"`{name}` ({structure.formula()}) has {electrons} electrons, an odd number, and spin is not set"
                yield "spin", f"{what}; set `spin: true` with `magmoms`, `spin: false`, or a `charge`"

    def ranks_problem(self, ranks: int) -> None:
        """Return None: a label runs on any number of ranks."""

    def launch_problem(self, label: GpawLabel, elements: Iterable[str], launch: Launch, folder: Path) -> str | None:
        """Return why the ranks do not start, or have other code, in one line."""
        return launch_problem(launch, self.identity(label, elements), dataset_names(label, elements), folder)

    def _answer(
        self,
        job: dict[str, Any],
        atoms: Atoms,
        label: GpawLabel,
        code: dict[str, str],
        folder: Path,
        launch: Launch | None,
    ) -> dict[str, Any]:
        """Check the code where the calculation will run, and return what it answers."""
        symbols = set(atoms.symbols)
        if launch is None:
            check_code(code, self.identity(label, symbols))
            return compute(job, folder / LOG)
        if label.dispersion == "d3":
            check_code(code, {"dftd3": dispersion_version()})
        return run_gpaw({**job, "code": code, "datasets": dataset_names(label, symbols)}, folder, launch)


ENGINE = GpawEngine()


def _words(grid: tuple[int, int, int]) -> str:
    return "×".join(str(points) for points in grid)


def dataset_names(label: GpawLabel, elements: Iterable[str]) -> dict[str, str]:
    """Return the files of the PAW datasets of a label, by their names in the identity."""
    setup, setups = setup_name(label.xc), label.gpaw.get("setups")
    named = {f"setup_{e}": dataset_name(e, setup_type(setups, e), setup) for e in sorted(set(elements))}
    return {key: name for key, name in named.items() if name is not None}


def compute(job: dict[str, Any], log: Path) -> dict[str, Any]:
    """Return the answer of `gpaw_job.calculate` in this process.

    Raises
    ------
    NotConvergedError
        If no attempt of the SCF ladder converges.
    """
    with _foreseen():
        return calculate(job, log)


@contextmanager
def _foreseen() -> Iterator[None]:
    """Raise what a calculation foresees as the errors of all engines."""
    try:
        yield
    except JobError as error:
        raise FORESEEN[error.kind](str(error)) from error


def run_gpaw(job: dict[str, Any], folder: Path, launch: Launch) -> dict[str, Any]:
    """Return the answer of `gpaw_job` as a program, to a job that says which ``code`` and ``datasets`` it needs.

    Raises
    ------
    NotConvergedError, CodeMismatchError, TaskFailure
        What the ranks found.
    RanksError
        If they left no answer.
    OutOfTimeError
        If they took too long.
    """
    script = shutil.copy(job_script.__file__, folder)
    words = launch.words("-m", "gpaw", "python", str(script), str(folder))
    answer = run({**job, "ranks": launch.ranks}, folder, words, launch)
    check_code(job["code"], answer["code"])
    return answer


def launch_problem(launch: Launch, code: dict[str, str], datasets: dict[str, str], folder: Path) -> str | None:
    """Return why ranks cannot compute labels on this machine, in one line, or None; nothing is computed.

    Parameters
    ----------
    launch : Launch
        How they are started.
    code, datasets : dict
        What a label needs, see `gpaw_job.code_found`.
    folder : pathlib.Path
        An empty folder.
    """
    if why := program_problem(launch):
        return why
    try:
        run_gpaw({"code": code, "datasets": datasets, "rehearsal": True}, folder, launch)
    except (NotConvergedError, CodeMismatchError, RanksError, OutOfTimeError, TaskFailure) as error:
        return str(error)
    return None
