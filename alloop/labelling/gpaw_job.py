"""Run one GPAW calculation, inside a worker or as a program on one rank or many; nothing else calls GPAW.

``python -m gpaw python gpaw_job.py FOLDER`` reads ``job.json`` there and writes ``answer.json``. This file imports GPAW
and ASE and nothing of alloop, so the GPAW of any site can run it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

JOB, ANSWER, LOG = "job.json", "answer.json", "log.txt"
NOT_CONVERGED, OTHER_CODE, RANKS = "NotConvergedError", "CodeMismatchError", "RanksError"
SCIENTIFIC_ERRORS = (ArithmeticError, AssertionError, LookupError, RuntimeError, ValueError)
"""What GPAW raises on a frame that it cannot label; any other error is a fault of the machine."""


class JobError(Exception):
    """A calculation has no result for a foreseen reason; `kind` names an error of `alloop.labelling.errors`."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail

    def __str__(self) -> str:
        return self.detail


def calculate(job: dict[str, Any], log: Path) -> dict[str, Any]:
    """Return energy (eV), moment (μB), and where wanted forces (eV/Å) and stress (eV/Å³) of the structure of a job.

    Parameters
    ----------
    job : dict
        ``numbers``, ``positions_A``, ``cell_A``, ``pbc`` and ``moments_muB`` of the atoms; ``keywords`` of GPAW;
        ``ladder``, a list of changes of the keywords to try one after the other, see `climb`; ``derivatives``, whether
        forces and stress are wanted; ``stress``, whether the stress is (true if it is not there).
    log : pathlib.Path
        Where GPAW writes what it does.

    Raises
    ------
    JobError
        If no attempt of the ladder reaches self-consistency.
    """
    with log.open("w", encoding="utf-8") as file:
        return Series(file).next(job)


class Series:
    """Calculations of frames of one system that follow each other closely, as those of molecular dynamics.

    Each begins with the wavefunctions and the density of the one before. Where that does not converge, where the frame
    lacks a symmetry of the one before, and for the first, everything begins anew, with the attempts of the ladder.

    Parameters
    ----------
    log : file
        Where GPAW writes what it does.
    """

    def __init__(self, log: Any) -> None:
        self._log, self._calculator = log, None

    def next(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to the next job; its keywords must be those of the first. See `calculate`."""
        from ase import Atoms

        atoms = Atoms(
            job["numbers"], job["positions_A"], cell=job["cell_A"], pbc=job["pbc"], magmoms=job["moments_muB"]
        )
        calculator, attempt, spent = self._calculator, 0, 0
        converged = False
        if calculator is not None:
            converged, spent = _converge_further(calculator, atoms)
        if not converged:
            self._calculator = None
            calculator, attempt, anew = climb(atoms, job["keywords"], job["ladder"], self._log)
            spent += anew
        self._calculator = calculator
        return _answers(calculator, atoms, job) | {"scf_iterations": spent, "scf_attempt": attempt}


def _answers(calculator: Any, atoms: Any, job: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "energy_eV": float(calculator.get_potential_energy(atoms, force_consistent=True)),
        "magnetic_moment_muB": float(calculator.get_magnetic_moment(atoms)),
    }
    if job["derivatives"]:
        answer["forces_eV_per_A"] = calculator.get_forces(atoms).tolist()
        answer["stress_eV_per_A3"] = calculator.get_stress(atoms).tolist() if job.get("stress", True) else None
    return answer


def climb(atoms: Any, keywords: dict[str, Any], ladder: list[dict[str, Any]], log: Any) -> tuple[Any, int, int]:
    """Return a converged calculator, the number of its attempt, and the SCF iterations of all attempts together.

    An attempt with ``start_width_eV`` converges the density at that smearing first, and goes on from there.

    Raises
    ------
    JobError
        If the last attempt fails too.
    """
    iterations = 0
    for attempt, changes in enumerate(ladder):
        changed = {**keywords, **changes}
        start_width_eV = changed.pop("start_width_eV", None)
        if start_width_eV is None:
            calculator = _calculator(changed, log)
        else:
            calculator, spent = _warm_start(atoms, changed, start_width_eV, log)
            iterations += spent
        converged, spent = _converge(calculator, atoms)
        iterations += spent
        if converged:
            return calculator, attempt, iterations
    raise JobError(NOT_CONVERGED, f"no self-consistency in {len(ladder)} SCF attempts, {iterations} iterations")


def _warm_start(atoms: Any, keywords: dict[str, Any], width_eV: float, log: Any) -> tuple[Any, int]:
    """Return a calculator whose density stems from a wider smearing, and the iterations that took.

    A calculator takes its occupations when it is made, so those of the wanted width are put into it afterwards. The
    total moment is fixed meanwhile, because a wide smearing can lose it.
    """
    from gpaw.dft import Parameters

    wide = {**keywords["occupations"], "width": width_eV, **({"fixmagmom": True} if keywords["spinpol"] else {})}
    calculator = _calculator({**keywords, "occupations": wide}, log)
    _, iterations = _converge(calculator, atoms)
    wanted = Parameters(**{key: value for key, value in keywords.items() if key != "legacy_gpaw"})
    builder = wanted.dft_component_builder(atoms, log=calculator.log, comm=calculator.comm)
    calculator.dft.scf_loop.occ_calc = builder.create_occupation_number_calculator()
    calculator.dft.results.clear()
    return calculator, iterations


def _calculator(keywords: dict[str, Any], log: Any) -> Any:
    from gpaw import GPAW

    return GPAW(**keywords, txt=log)


def _converge(calculator: Any, atoms: Any) -> tuple[bool, int]:
    """Return whether the SCF converged, and the iterations it took."""
    from gpaw import ConvergenceError

    try:
        calculator.get_potential_energy(atoms)
    except ConvergenceError:
        return False, int(calculator.get_number_of_iterations())
    return True, int(calculator.get_number_of_iterations())


def _converge_further(calculator: Any, atoms: Any) -> tuple[bool, int]:
    """Return what `_converge` does, for a calculator of other positions, which fails if these were more symmetric."""
    from gpaw.new.symmetry import SymmetryBrokenError

    try:
        return _converge(calculator, atoms)
    except SymmetryBrokenError:
        return False, 0


def code_found(datasets: dict[str, str]) -> dict[str, str]:
    """Return the versions of GPAW and libxc here, and the digests of PAW datasets.

    Parameters
    ----------
    datasets : dict
        Names of the files by the names that their digests get.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    """
    import gpaw

    found = {"gpaw": gpaw.__version__, "libxc": gpaw.get_libraries()["libxc"] or "missing"}
    return found | {key: dataset_digest(name) for key, name in datasets.items()}


def dataset_digest(name: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of a PAW dataset (uncompressed).

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    """
    from gpaw.setup_data import search_for_file

    return hashlib.sha256(search_for_file(name)[1]).hexdigest()[:16]


def difference(wanted: dict[str, str], found: dict[str, str]) -> str | None:
    """Return the first difference between two codes among what both know, in one line; None if they agree."""
    for name in sorted(wanted.keys() & found.keys()):
        if wanted[name] != found[name]:
            return f"{name} is {found[name]} on this machine, the campaign needs {wanted[name]}"
    return None


def main(folder: Path) -> None:
    """Answer the job of a folder; with ``ranks`` and ``code`` of the job checked before anything is computed."""
    from gpaw.mpi import world

    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    try:
        answer = _answer(job, folder, world.size)
    except (JobError, *SCIENTIFIC_ERRORS) as error:
        kind = error.kind if isinstance(error, JobError) else type(error).__name__
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
        _write(folder, {"error": kind, "detail": first}, world.rank)
        if world.size > 1 and kind != NOT_CONVERGED:
            world.abort(1)  # the other ranks may be waiting for this one
        return
    if world.rank == 0:
        _write(folder, answer, world.rank)


def _answer(job: dict[str, Any], folder: Path, ranks: int) -> dict[str, Any]:
    if ranks != job["ranks"]:
        why = "its GPAW has no MPI, or not the MPI of the launcher"
        raise JobError(RANKS, f"{sys.executable} runs on {ranks} rank instead of {job['ranks']}: {why}")
    try:
        found = code_found(job["datasets"])
    except FileNotFoundError as error:
        raise JobError(OTHER_CODE, str(error)) from error
    if other := difference(job["code"], found):
        raise JobError(OTHER_CODE, other)
    return {"code": found} if job.get("rehearsal") else {"code": found, **calculate(job, folder / LOG)}


def _write(folder: Path, answer: dict[str, Any], rank: int) -> None:
    """Write an answer that is whole or absent."""
    draft = folder / f"{ANSWER}.{rank}"
    draft.write_text(json.dumps(answer), encoding="utf-8")
    draft.replace(folder / ANSWER)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
