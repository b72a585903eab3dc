"""An example request of every kind of task, what it reads, and results that it can read."""

from ase.build import bulk

from alloop.materials.structure import Structure
from alloop.tasks.contract.aimd import AimdRequest, MeasureAimdRequest
from alloop.tasks.contract.calibrate import CalibrateRequest, CalibrationFrame
from alloop.tasks.contract.choose import ChooseRequest
from alloop.tasks.contract.cost import CostByLabelsRequest, CostRequest
from alloop.tasks.contract.disorder import DisorderRequest
from alloop.tasks.contract.evaluate import EvaluateRequest
from alloop.tasks.contract.explore import ExploreRequest, ExploreSummary, ExploreWalker, SwapsAsked
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.label import AtomRequest, LabelData, LabelRequest
from alloop.tasks.contract.measure import MeasureRequest, ProductionRun
from alloop.tasks.contract.pairs import PairsRequest
from alloop.tasks.contract.produce import ProduceRequest, ProductionWalker
from alloop.tasks.contract.records import Offer, OffersData, OffersSummary, Result
from alloop.tasks.contract.references import OfferRef, SegmentRef
from alloop.tasks.contract.relabel import RelabelRequest
from alloop.tasks.contract.relax import RelaxByLabelsRequest, RelaxRequest
from alloop.tasks.contract.request import Request
from alloop.tasks.contract.select import ChosenFrame, FrameView, SegmentSource, SelectData, SelectRequest
from alloop.tasks.contract.teach import TeachData, TeachRequest
from alloop.tasks.workspace import Workspace

SALT = Structure.from_atoms(bulk("LiCl", "rocksalt", a=5.14))
CODE = {"settings": {"engine": "gpaw"}, "code": {"gpaw": "26.7"}}
RELAXATION = {
    "structure": SALT,
    "cell": True,
    "pressure_GPa": 0.0,
    "max_force_eV_per_A": 0.01,
    "max_steps": 50,
}
PRODUCTION = {
    "structure": SALT,
    "walkers": (ProductionWalker(temperature_K=600.0, seed=1),),
    "ensemble": "bussi",
    "timestep_fs": 2.0,
    "thermostat_fs": 200.0,
    "equilibration_steps": 0,
    "steps": 10,
    "sample_every_steps": 5,
    "snapshot_every": 2,
    "mobile": "Li",
    "stop_temperature_factor": 4.0,
    "stop_contact": 0.4,
}
MEASUREMENT = {
    "system": "LiCl",
    "structure": SALT,
    "repeat": (1, 1, 1),
    "runs": (ProductionRun(temperature_K=600.0, segments=("p0", "p1"), walker=0),),
    "mobile": "Li",
    "charge_e": 1.0,
    "targets_K": (300.0,),
    "planes": {"ab": (0, 0, 1)},
    "min_width_A": 12.0,
    "density_at_K": None,
    "density_resolution_A": 0.3,
}
COST = {"structure": SALT, "temperature_K": 600.0, "seed": 1, "timestep_fs": 2.0, "steps": 2}
CONTACTS = {"min_contact": 0.7, "stop_contact": 0.4, "stop_temperature_factor": 4.0}
EXAMPLES: dict[str, tuple[Request, set[str]]] = {
    "initial": (InitialRequest(structure=SALT, frames=2, rattle_A=0.1, strain=0.0, min_contact=0.7, seed=1), set()),
    "teach": (
        TeachRequest(
            structure=SALT,
            student="fit:m0",
            teacher={"engine": "ase", "calculator": "ase.calculators.emt:EMT"},
            code={},
            frames=2,
            rattle_A=0.3,
            strain=0.0,
            temperatures_K=(600.0,),
            per_walker=1,
            samples_per_walker=2,
            equilibration_steps=5,
            every_steps=5,
            timestep_fs=2.0,
            friction_per_fs=0.01,
            dtype="float32",
            seed=1,
            **CONTACTS,
        ),
        {"fit/m0"},
    ),
    "choose": (
        ChooseRequest(sources=("t0",), student="fit:m0", frames=1, hottest_K=600.0, min_contact=0.7, dtype="float32"),
        {"teach/t0", "fit/m0"},
    ),
    "explore": (
        ExploreRequest(
            structure=SALT,
            walkers=(
                ExploreWalker(start=SegmentRef("e0", 0), temperature_K=600.0, steps=10, random_steps=(3,), seed=1),
            ),
            members=("fit:m0", "fit:m1"),
            dtype="float32",
            ensemble="nvt",
            pressure_GPa=0.0,
            timestep_fs=2.0,
            friction_per_fs=0.01,
            check_every_steps=5,
            max_offers=4,
            lower_eV_per_A=0.05,
            upper_eV_per_A=1.5,
            nearby=("a0",),
            **CONTACTS,
        ),
        {"explore/e0", "fit/m0", "fit/m1", "label/a0"},
    ),
    "atom": (AtomRequest(element="Li", **CODE), set()),
    "label": (
        LabelRequest(source=OfferRef("initial", "i0", 0), structure_sha256=SALT.digest(), **CODE),
        {"initial/i0"},
    ),
    "probe": (RelabelRequest(label="a0", **CODE), {"label/a0"}),
    "fit": (
        FitRequest(
            train=("a0",),
            valid=("a1",),
            init="fit:m0",
            architecture={},
            e0s_eV={"Li": 0.0, "Cl": 0.0},
            max_steps=10,
            batch_size=1,
            learning_rate=0.01,
            energy_weight=1.0,
            forces_weight=10.0,
            stress_weight=0.0,
            patience=None,
            check_every_steps=5,
            ema_decay=0.9,
            dtype="float32",
            seed=1,
        ),
        {"label/a0", "label/a1", "fit/m0"},
    ),
    "evaluate": (
        EvaluateRequest(model="foundation:f0", frames=("a0", "a1"), dtype="float32"),
        {"label/a0", "label/a1"},
    ),
    "produce": (
        ProduceRequest(model="fit:m0", dtype="float32", start="p0", **PRODUCTION),
        {"produce/p0", "fit/m0"},
    ),
    "measure": (
        MeasureRequest(**MEASUREMENT),
        {"produce/p0", "produce/p1"},
    ),
    "select": (
        SelectRequest(
            before="s0",
            segments=(SegmentSource(key="e0", walker="w", segment=0, system="LiCl", generation=0),),
            generation=0,
            oldest=0,
            policy="random",
            options={},
            lower_eV_per_A=0.05,
            upper_eV_per_A=1.5,
            count=1,
            per_walker=2,
            seed=1,
            members=("fit:m0",),
            known=("a0",),
            ordered=(OfferRef("explore", "e0", 0),),
        ),
        {"explore/e0", "select/s0", "label/a0", "fit/m0"},
    ),
    "calibrate": (
        CalibrateRequest(
            frames=(CalibrationFrame(id="w/0/0", selection="s0", label="a0", probability=1.0, probe=True),),
            labels=12,
            heldout=("h0",),
            members=("fit:m0", "fit:m1"),
        ),
        {"select/s0", "label/a0", "label/h0", "fit/m0", "fit/m1"},
    ),
    "relax": (
        RelaxRequest(model="fit:m0", dtype="float64", **RELAXATION),
        {"fit/m0"},
    ),
    "pairs": (
        PairsRequest(segments=("p0", "p1"), walker=0, reach_A=8.0, bin_A=0.05, snapshots=10),
        {"produce/p0", "produce/p1"},
    ),
    "disorder": (
        DisorderRequest(
            structure=SALT,
            model="fit:m0",
            dtype="float32",
            walkers=(ProductionWalker(temperature_K=600.0, seed=1),),
            swaps=SwapsAsked(sublattices=(("Li", "Cl"),), every_steps=5),
            timestep_fs=2.0,
            friction_per_fs=0.01,
            attempts=3,
            blocks=2,
            stop_temperature_factor=4.0,
            stop_contact=0.4,
            start="d0",
        ),
        {"disorder/d0", "fit/m0"},
    ),
    "aimd": (AimdRequest(start="p0", **PRODUCTION, **CODE), {"aimd/p0"}),
    "measureaimd": (MeasureAimdRequest(skip_ps=0.0, **MEASUREMENT), {"aimd/p0", "aimd/p1"}),
    "cost": (CostRequest(model="fit:m0", dtype="float32", **COST), {"fit/m0"}),
    "costbylabels": (CostByLabelsRequest(**COST, **CODE), set()),
    "relaxbylabels": (RelaxByLabelsRequest(**RELAXATION, **CODE), set()),
}


def store_inputs(workspace: Workspace) -> None:
    """Write the results that the simulated answers to the examples read."""
    still = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    offer = Offer(
        index=0,
        why="random",
        step=1,
        temperature_K=600.0,
        disagreement_eV_per_A=0.1,
        min_contact=0.9,
        structure_sha256=SALT.digest(),
    )
    offers = OffersSummary(offers=(offer,))
    frames = OffersData(structures=(SALT,))
    label = LabelData(structure=SALT, energy_eV=-1.0, forces_eV_per_A=still, stress_eV_per_A3=None)
    view = FrameView(disagreement_eV_per_A=(0.1, 0.1), forces_eV_per_A=((0.1, 0.0, 0.0), (0.0, 0.1, 0.0)))
    chosen = SelectData(
        chosen=(ChosenFrame(id="w/0/0", rank=1, why="probe"),), rejected={}, waiting=(), views={"w/0/0": view}
    )
    for kind, key, summary, data in (
        ("initial", "i0", offers, frames),
        ("explore", "e0", ExploreSummary(walkers=(offers,)), frames),
        ("label", "a0", None, label),
        ("select", "s0", None, chosen),
        ("teach", "t0", None, TeachData(labels=(label,), temperatures_K=(600.0,))),
    ):
        told = {} if summary is None else summary.model_dump(mode="json")
        workspace.write(Result(key=key, kind=kind, status="ok", summary=told, data=data.model_dump(mode="json")))
