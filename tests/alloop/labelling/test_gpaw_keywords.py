from ase import Atoms

from alloop.config.label import GpawLabel
from alloop.labelling.gpaw_keywords import atom_keywords, gpaw_keywords, initial_moments


def test_every_setting_reaches_gpaw():
    label = GpawLabel(
        xc="r2SCAN",
        cutoff_eV=520,
        kpts=(3, 2, 1),
        gamma_centred=True,
        smearing_eV=0.1,
        maxiter=33,
        point_group_symmetry=True,
        charge=-1,
        spin=True,
        magmoms={"Fe": 4.0},
        gpaw={"convergence": {"forces": 0.02}},
    )
    assert gpaw_keywords(label) == {
        "mode": {"name": "pw", "ecut": 520.0},
        "xc": "MGGA_X_R2SCAN+MGGA_C_R2SCAN",
        "kpts": {"size": (3, 2, 1), "gamma": True},
        "occupations": {"name": "fermi-dirac", "width": 0.1},
        "maxiter": 33,
        "symmetry": {"point_group": True},
        "charge": -1.0,
        "spinpol": True,
        "convergence": {"forces": 0.02},
        "legacy_gpaw": False,
    }
    assert list(initial_moments(label, Atoms("FeOFe"))) == [4.0, 0.0, 4.0]


def test_without_spin_there_are_no_moments():
    label = GpawLabel(spin=False, magmoms={"Fe": 4.0})
    assert not gpaw_keywords(label)["spinpol"]
    assert list(initial_moments(label, Atoms("FeO"))) == [0.0, 0.0]


def test_an_atom_keeps_the_physics_and_drops_what_belongs_to_a_cell():
    label = GpawLabel(
        charge=-1,
        cutoff_eV=500,
        gpaw={"nbands": 40, "setups": {"In": "d", "Li": "1"}, "convergence": {"density": 1e-5}},
    )
    keywords = atom_keywords(label, "Li")
    frame = gpaw_keywords(label)
    assert {key: keywords[key] for key in ("mode", "xc", "occupations", "convergence")} == {
        key: frame[key] for key in ("mode", "xc", "occupations", "convergence")
    }
    assert keywords["setups"] == {"Li": "1"}
    assert "nbands" not in keywords
    assert (keywords["kpts"], keywords["charge"], keywords["hund"]) == ((1, 1, 1), 0.0, True)
