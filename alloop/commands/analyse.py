"""``alloop analyse``: transport of trajectories of other programs, by the code that measures production runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from alloop.commands.interruption import interruptible
from alloop.monitor.terminal import Terminal

Files = Annotated[
    list[str],
    typer.Argument(help="XDATCAR, vasprun.xml, LAMMPS dump, extxyz, ASE traj, GPAW text.", show_default=False),
]
Mobile = Annotated[str, typer.Option(help="Element of the mobile ions, or several, as in Li,Na.", show_default=False)]
Temperature = Annotated[
    list[float] | None, typer.Option(help="Temperature (K) where no file says it: one, or one for each file.")
]
Timestep = Annotated[float | None, typer.Option(help="Time step of the dynamics (fs) where no file says it.")]
StepsPerFrame = Annotated[
    int | None, typer.Option(min=1, help="Steps between frames; default: as the file says, or 1.")
]
Charge = Annotated[str, typer.Option(help="Charge of a mobile ion (e), or one for each element of --mobile.")]
Target = Annotated[
    list[float] | None, typer.Option(help="Temperature (K) of a wanted conductivity; default: 300 and 573.15.")
]
Skip = Annotated[float, typer.Option(min=0, help="Time cut off the beginning of every run (ps).")]
Sample = Annotated[float, typer.Option(min=0.001, help="Frames that are closer in time are thinned to this (fs).")]
Types = Annotated[str, typer.Option(help="Elements of a LAMMPS dump that has atom types only, as in Li,P,S.")]
LengthUnit = Annotated[
    Literal["A", "nm", "bohr"] | None,
    typer.Option(
        help="Unit of the lengths in the files; default: A, refused where atoms are as far apart as in others."
    ),
]
DensityAt = Annotated[float | None, typer.Option(help="Temperature (K) of the density; default: the middle one.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder for report.html, CSV, JSON, figures and density.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def analyse(
    trajectories: Files,
    mobile: Mobile,
    temperature: Temperature = None,
    timestep_fs: Timestep = None,
    steps_per_frame: StepsPerFrame = None,
    charge: Charge = "1",
    target: Target = None,
    skip_ps: Skip = 0.0,
    sample_fs: Sample = 20.0,
    types: Types = "",
    length_unit: LengthUnit = None,
    density_at: DensityAt = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Measure transport of trajectories of other programs: diffusivity, conductivity, activation energy, density.

    Files of one temperature are replicas; two temperatures or more give an activation energy, cells of two sizes or
    more the diffusivity of an infinite one.
    """
    from alloop.commands.analysis_wishes import Wishes, analysed
    from alloop.commands.analysis_words import json_of, words_of

    wishes = Wishes(
        trajectories, mobile, temperature, timestep_fs, steps_per_frame, charge, target, skip_ps, sample_fs, types,
        length_unit, density_at,
    )  # fmt: skip
    with interruptible("Stopped; run the same command again."):
        found = analysed(wishes)
        told = json_of(found)
        console = Terminal()
        console.say(*([json.dumps(told)] if as_json else words_of(found)))
        if output is not None:
            from alloop.commands.analysis_files import write_analysis

            written = write_analysis(found, told, wishes.settings(), output)
            Terminal(stderr=as_json).say(*map(str, written))
