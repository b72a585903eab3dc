"""Read vasprun.xml of VASP step by step; nothing of earlier steps is kept."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers.expat import errors

import numpy as np

from alloop.trajectories.frames import CutOffError, Floats, Frame, Integers, TrajectoryError, floats_of, numbers_of

_ENDS = {
    errors.codes[message]
    for message in (
        errors.XML_ERROR_NO_ELEMENTS,
        errors.XML_ERROR_UNCLOSED_TOKEN,
        errors.XML_ERROR_PARTIAL_CHAR,
    )
}
"""What the XML of a run that was stopped may end with."""


def read_vasprun(file: BinaryIO, where: str) -> Iterator[Frame]:
    """Yield the frames of a vasprun.xml, with the time step (POTIM) and the temperature (TEBEG, where TEEND is equal).

    A run with a force field that is learned on the fly (ML_LMLFF) has ab initio steps as ``calculation``, and those of
    the force field as ``structure`` directly below the root, every ML_OUTBLOCK steps; one that is there twice counts
    once.

    Raises
    ------
    TrajectoryError
        If the file is damaged, or of no molecular dynamics.
    CutOffError
        At its end, if the XML has none.
    """
    numbers: Integers = np.array([], dtype=int)
    said: dict[str, str] = {}
    last: Frame | None = None
    kind, count = "", 0
    for element in _children(file, where):
        if element.tag in ("incar", "parameters"):
            said |= {one.attrib.get("name", ""): (one.text or "").strip() for one in element.iter("i")}
            _refuse_no_dynamics(said, where)
        elif element.tag == "atominfo":
            rows = element.findall("array[@name='atoms']/set/rc")
            numbers = numbers_of([(row[0].text or "").strip() for row in rows], where)
        elif element.tag == "calculation" or (element.tag == "structure" and "name" not in element.attrib):
            frame = _frame(element, numbers, said, count, where)
            if last is None or element.tag == kind or not np.array_equal(frame.positions, last.positions):
                yield frame
                last, kind, count = frame, element.tag, count + 1


def _children(file: BinaryIO, where: str) -> Iterator[ET.Element]:
    """Yield the elements directly below the root, and forget each."""
    depth = 0
    root: ET.Element | None = None
    try:
        for event, element in ET.iterparse(file, events=("start", "end")):
            root = element if root is None else root
            depth += 1 if event == "start" else -1
            if event == "end" and depth == 1:
                yield element
                root.clear()
    except ET.ParseError as error:
        if error.code not in _ENDS:
            raise TrajectoryError(f"{where}: the XML is damaged ({error})") from None
        raise CutOffError("the XML has no end, and what it has of a last step is left out") from None


def _refuse_no_dynamics(said: dict[str, str], where: str) -> None:
    if said.get("IBRION", "0") != "0":
        raise TrajectoryError(f"{where}: IBRION is {said['IBRION']}: a relaxation, not molecular dynamics (0)")


def _frame(element: ET.Element, numbers: Integers, said: dict[str, str], count: int, where: str) -> Frame:
    where = f"{where}, step {count + 1}"
    structure = element if element.tag == "structure" else element.find("structure")
    if structure is None:
        raise TrajectoryError(f"{where}: a calculation has no structure; the file is damaged")
    begin, end = _number(said, "TEBEG"), _number(said, "TEEND")
    steady = begin is not None and (end is None or end < 0 or abs(end - begin) < 1e-6)
    return Frame(
        numbers=numbers,
        cell_A=_vectors(structure, "crystal/varray[@name='basis']/v", 3, where),
        positions=_vectors(structure, "varray[@name='positions']/v", len(numbers), where),
        scaled=True,
        step=round(count * (_number(said, "ML_OUTBLOCK") or 1.0)),
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
