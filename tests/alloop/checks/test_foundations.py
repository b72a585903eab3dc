"""What is wrong with a foundation is told before anything runs."""

import hashlib

import pytest
from ase.build import bulk

from alloop.checks.crosscheck import cross_check
from alloop.checks.foundations import check_elements
from alloop.config import ConfigError, load_config
from alloop.config.foundations import MIT, ShippedFoundation
from alloop.potential.models.foundation import cached_foundation
from tests.support.configs import BASE, Folder
from tests.support.models import make_small_committee, make_small_foundation, pickled, small_foundation

HEADS = ("omat_pbe", "Default")


def config(folder: Folder, foundation: str):
    return load_config(folder.broken("foundation: null", f"foundation: {foundation}"))


def told(folder: Folder, foundation: str) -> str:
    """Return the one line by which a foundation is refused, after the file's name."""
    loaded = config(folder, foundation)
    with pytest.raises(ConfigError) as caught:
        cross_check(loaded)
    message = str(caught.value)
    assert message.startswith(f"{loaded.path}:")
    assert "\n" not in message
    return message.removeprefix(f"{loaded.path}:")


def file(folder: Folder, numbers=(3, 17), heads=("Default",)) -> str:
    sha256 = make_small_foundation(folder.root / "x.model", numbers, heads=heads)
    return f"path: x.model, sha256: {sha256}"


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Put a model of two heads into MACE's cache under a name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("alloop.potential.models.foundation._cache_path", lambda url: tmp_path / "cached.model")
    assert cached_foundation("mh-1") is None
    (tmp_path / "cached.model").write_bytes(pickled(small_foundation((3, 17), heads=HEADS)))


def test_a_head_that_is_named_passes(folder: Folder):
    cross_check(config(folder, f"{{{file(folder, heads=HEADS)}, head: omat_pbe}}"))


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("", "potential.foundation.head: the model has 2 heads; name one of them as `head`: omat_pbe, Default"),
        (", head: omat", "potential.foundation.head: the model has no head `omat`; did you mean `omat_pbe`?"),
        (", head: oc20", "potential.foundation.head: the model has no head `oc20`; it has: omat_pbe, Default"),
    ],
)
def test_a_head_that_is_not_named_or_not_there_is_one_line_with_its_place(folder: Folder, head, says):
    line = BASE[: BASE.index("foundation:")].count("\n") + 1
    assert told(folder, f"{{{file(folder, heads=HEADS)}{head}}}") == f"{line}: {says}"


def test_a_campaign_that_began_with_the_default_head_goes_on(folder: Folder):
    cross_check(config(folder, f"{{{file(folder, heads=HEADS)}}}"), begun=True)


def test_a_named_model_in_the_cache_is_looked_into(folder: Folder, cached):
    assert "write `foundation: {name: mh-1, head: …}`" in told(folder, "mh-1")
    assert "foundation.head: the model has no head `omol`" in told(folder, "{name: mh-1, head: omol}")
    cross_check(config(folder, "{name: mh-1, head: omat_pbe}"))


def test_a_name_without_its_head_is_a_missing_key(folder: Folder):
    with pytest.raises(ConfigError, match=r"potential\.foundation\.head: missing"):
        config(folder, "{name: mh-1}")


def test_a_name_that_nobody_knows_is_told_with_its_head_too(folder: Folder):
    assert "did you mean `mh-1`?" in told(folder, "{name: mh1, head: omol}")


def test_elements_that_a_foundation_file_does_not_know_are_told(folder: Folder):
    assert "the foundation does not know Cl of `LiCl`" in told(folder, f"{{{file(folder, numbers=(3, 49))}}}")


def test_elements_that_the_foundation_does_not_know_are_named(folder: Folder):
    loaded = load_config(folder.config(BASE))
    check_elements(loaded, ["Li", "Cl", "In"])
    with pytest.raises(ConfigError, match=r"small\.yaml:6: systems\[0\]\.structure: .* does not know Cl of `LiCl`"):
        check_elements(loaded, ["Li", "In"])


def test_a_file_that_is_no_foundation_is_told(folder: Folder):
    (folder.root / "x.model").write_bytes(b"no model")
    message = told(folder, f"{{path: x.model, sha256: {hashlib.sha256(b'no model').hexdigest()}}}")
    assert "potential.foundation: " in message
    assert "not a model" in message


@pytest.mark.parametrize("members", [1, 3])
def test_a_committee_is_checked_for_its_elements_like_any_other_foundation(folder: Folder, members):
    committee = f"{{path: c.pt, sha256: {make_small_committee(folder.root / 'c.pt', members)}}}"
    cross_check(config(folder, committee))
    folder.frames("structures/LiCl.extxyz", bulk("NaCl", "rocksalt", a=5.6))
    assert "the foundation does not know Na of `LiCl`" in told(folder, committee)


@pytest.fixture
def own(folder: Folder, monkeypatch):
    """A foundation that comes with alloop, a committee for LiCl; returns its file."""
    path = folder.root / "shipped" / "ours-1.pt"

    class Own(ShippedFoundation):
        @property
        def path(self):
            return path

    shipped = Own(name="ours-1", sha256=make_small_committee(path), taught_by="chgnet", licence=MIT, citation="us")
    for user in ("alloop.checks.foundations", "alloop.potential.models.foundation"):
        monkeypatch.setattr(f"{user}.SHIPPED", {"ours-1": shipped})
    return path


def test_a_foundation_of_alloops_own_passes_by_its_name(folder: Folder, own):
    cross_check(config(folder, "ours-1"))
    folder.frames("structures/LiCl.extxyz", bulk("NaCl", "rocksalt", a=5.6))
    assert "the foundation does not know Na of `LiCl`" in told(folder, "ours-1")


def test_an_altered_or_missing_file_of_alloops_own_is_told(folder: Folder, own):
    make_small_committee(own, 3)
    assert "potential.foundation: foundation " in told(folder, "ours-1")
    assert "sha256" in told(folder, "ours-1")
    own.unlink()
    assert "potential.foundation: cannot read foundation" in told(folder, "ours-1")
