"""Read vasprun.xml of VASP step by step; nothing of earlier steps is kept."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from alloop.trajectories.frames import Floats, Frame, Integers, TrajectoryError, floats_of, numbers_of


def read_vasprun(file: BinaryIO, where: str) -> Iterator[Frame]:
    """Yield the frames of a vasprun.xml, with the time step (POTIM) and the temperature (TEBEG, where TEEND is equal).

    Raises
    ------
    TrajectoryError
        If the file is damaged, or of no molecular dynamics.
    """
    numbers: Integers = np.array([], dtype=int)
    said: dict[str, str] = {}
    root: ET.Element | None = None
    try:
        for event, element in ET.iterparse(file, events=("start", "end")):
            if event == "start":
                root = element if root is None else root
            elif element.tag == "parameters":
                said = {one.attrib.get("name", ""): (one.text or "").strip() for one in element.iter("i")}
                _refuse_no_dynamics(said, where)
                element.clear()
            elif element.tag == "atominfo":
                rows = element.findall("array[@name='atoms']/set/rc")
                numbers = numbers_of([(row[0].text or "").strip() for row in rows], where)
            elif element.tag == "calculation":
                yield _frame(element, numbers, said, where)
                assert root is not None
                root.clear()
    except ET.ParseError as error:
        if "no element found" not in str(error):  # that is how a file ends whose run was stopped
            raise TrajectoryError(f"{where}: the XML is damaged ({error})") from None


def _refuse_no_dynamics(said: dict[str, str], where: str) -> None:
    if said.get("IBRION", "0") != "0":
        raise TrajectoryError(f"{where}: IBRION is {said['IBRION']}: a relaxation, not molecular dynamics (0)")


def _frame(element: ET.Element, numbers: Integers, said: dict[str, str], where: str) -> Frame:
    structure = element.find("structure")
    if structure is None:
        raise TrajectoryError(f"{where}: a calculation has no structure; the file is damaged")
    begin, end = _number(said, "TEBEG"), _number(said, "TEEND")
    steady = begin is not None and (end is None or end < 0 or abs(end - begin) < 1e-6)
    return Frame(
        numbers=numbers,
        cell_A=_vectors(structure, "crystal/varray[@name='basis']/v", 3, where),
        positions=_vectors(structure, "varray[@name='positions']/v", len(numbers), where),
        scaled=True,
        timestep_fs=_number(said, "POTIM"),
        temperature_K=begin if steady else None,
    )


def _vectors(structure: ET.Element, path: str, rows: int, where: str) -> Floats:
    text = " ".join(vector.text or "" for vector in structure.findall(path))
    return floats_of(text.encode(), 3 * rows, where).reshape(rows, 3)


def _number(said: dict[str, str], name: str) -> float | None:
    try:
        return float(said[name])
    except (KeyError, ValueError):
        return None
