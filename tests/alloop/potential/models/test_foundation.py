import contextlib
import hashlib
import http.server
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from alloop.config.foundations import MIT, PlacedFoundation, ShippedFoundation
from alloop.config.science import FoundationFile, FoundationHead
from alloop.potential.mace_api import mace_mp_urls
from alloop.potential.models.foundation import (
    FoundationError,
    cached_foundation,
    fetch_foundation,
    foundation_elements,
    load_foundation_file,
    resolve_foundation,
)
from alloop.potential.models.foundation_committee import FORMAT, write_committee
from alloop.potential.models.heads import HeadError
from tests.support.models import (
    forces_of,
    make_small_committee,
    make_small_foundation,
    pickled,
    small_foundation,
    small_model,
)

KNOWN = ("Li", "O", "F", "P", "Cl", "In")


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def resolve(foundation, tmp_path, progress=None):
    return resolve_foundation(
        foundation, config_folder=tmp_path / "configs", campaign_root=tmp_path / "run", progress=progress
    )


@contextlib.contextmanager
def served(content, *, content_type="application/octet-stream", claimed=None):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(claimed or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/some-model.model"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def name_at(tmp_path, monkeypatch):
    """Point one of MACE's names at an address, and MACE's cache at an empty folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return lambda url: monkeypatch.setitem(mace_mp_urls, "medium-mpa-0", url)


def one_line(caught):
    return "\n" not in str(caught.value)


def test_without_a_foundation_there_is_nothing_to_resolve(tmp_path):
    assert resolve(None, tmp_path) is None


def test_a_file_beside_the_config_is_placed_under_its_checksum(tmp_path):
    sha256 = make_small_foundation(tmp_path / "configs" / "x.model")
    assert resolve(FoundationFile(path="x.model", sha256=sha256), tmp_path) == PlacedFoundation(sha256, KNOWN)
    placed = tmp_path / "run" / "foundation" / f"{sha256}.model"
    assert hashlib.sha256(placed.read_bytes()).hexdigest() == sha256
    assert foundation_elements(placed) == KNOWN


def test_a_campaign_that_holds_its_foundation_no_longer_needs_the_file(tmp_path):
    sha256 = make_small_foundation(tmp_path / "configs" / "x.model")
    resolve(FoundationFile(path="x.model", sha256=sha256), tmp_path)
    (tmp_path / "configs" / "x.model").unlink()
    assert resolve(FoundationFile(path="x.model", sha256=sha256), tmp_path) == PlacedFoundation(sha256, KNOWN)


def test_a_wrong_checksum_is_refused_before_the_pickle_is_opened(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "x.model").write_bytes(pickled(Bomb(tmp_path / "hit")))
    with pytest.raises(FoundationError, match="sha256") as caught:
        resolve(FoundationFile(path="x.model", sha256="0" * 64), tmp_path)
    assert one_line(caught)
    assert not (tmp_path / "hit").exists()
    assert not (tmp_path / "run").exists()


def test_an_altered_copy_in_the_campaign_is_refused(tmp_path):
    sha256 = make_small_foundation(tmp_path / "configs" / "x.model")
    resolve(FoundationFile(path="x.model", sha256=sha256), tmp_path)
    (tmp_path / "run" / "foundation" / f"{sha256}.model").write_bytes(pickled(Bomb(tmp_path / "hit")))
    with pytest.raises(FoundationError, match="sha256"):
        resolve(FoundationFile(path="x.model", sha256=sha256), tmp_path)
    assert not (tmp_path / "hit").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FoundationError, match=r"nowhere\.model") as caught:
        resolve(FoundationFile(path="nowhere.model", sha256="0" * 64), tmp_path)
    assert one_line(caught)


def test_a_named_model_is_downloaded_once_with_progress_and_cached(tmp_path, name_at):
    sha256 = make_small_foundation(tmp_path / "served.model")
    content, seen = (tmp_path / "served.model").read_bytes(), []
    with served(content) as url:
        name_at(url)
        assert resolve("medium-mpa-0", tmp_path, lambda *p: seen.append(p)) == PlacedFoundation(sha256, KNOWN)
    assert seen[-1] == (len(content), len(content))
    assert [part for part, _ in seen] == sorted(part for part, _ in seen)
    again = resolve_foundation("medium-mpa-0", config_folder=tmp_path, campaign_root=tmp_path / "second")
    assert again == PlacedFoundation(sha256, KNOWN)


def test_a_resumed_campaign_needs_neither_network_nor_cache(tmp_path, name_at):
    sha256 = make_small_foundation(tmp_path / "served.model")
    with served((tmp_path / "served.model").read_bytes()) as url:
        name_at(url)
        resolve("medium-mpa-0", tmp_path)
    for cached in (tmp_path / "cache" / "mace").glob("*model"):
        cached.unlink()
    assert resolve("medium-mpa-0", tmp_path) == PlacedFoundation(sha256, KNOWN)


@pytest.mark.parametrize("cached", [True, False])
def test_a_model_that_somebody_put_into_the_campaign_is_never_opened(tmp_path, name_at, cached):
    content = pickled(Bomb(tmp_path / "hit"))
    planted = hashlib.sha256(content).hexdigest()
    folder = tmp_path / "run" / "foundation"
    folder.mkdir(parents=True)
    (folder / f"{planted}.model").write_bytes(content)
    (folder / "medium-mpa-0.sha256").write_text(planted)
    make_small_foundation(tmp_path / "served.model")
    with served((tmp_path / "served.model").read_bytes()) as url:
        name_at(url)
        if cached:
            resolve_foundation("medium-mpa-0", config_folder=tmp_path, campaign_root=tmp_path / "earlier")
        with pytest.raises(FoundationError, match="is not opened") as caught:
            resolve("medium-mpa-0", tmp_path)
    assert one_line(caught)
    assert not (tmp_path / "hit").exists()


def test_without_a_network_one_line_says_what_to_do(tmp_path, name_at):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        name_at(f"http://127.0.0.1:{unused.getsockname()[1]}/some.model")
        with pytest.raises(FoundationError, match="download it on a connected machine") as caught:
            resolve("medium-mpa-0", tmp_path)
    assert one_line(caught)
    assert "sha256" in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "says"),
    [({"claimed": 10**6}, "bytes"), ({"content_type": "text/html"}, "web page")],
)
def test_a_broken_download_leaves_nothing_behind(tmp_path, name_at, fault, says):
    with served(b"not much", **fault) as url:
        name_at(url)
        with pytest.raises(FoundationError, match=says):
            resolve("medium-mpa-0", tmp_path)
    assert not list((tmp_path / "cache" / "mace").iterdir())
    assert not (tmp_path / "run").exists()


def test_an_unknown_name_suggests_the_nearest(tmp_path):
    with pytest.raises(FoundationError, match="did you mean `medium-mpa-0`") as caught:
        resolve("medium-mpa0", tmp_path)
    assert one_line(caught)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "x" * 40])
def test_a_name_unlike_any_lists_the_known_ones(tmp_path, name):
    with pytest.raises(FoundationError, match="medium-mpa-0") as caught:
        resolve(name, tmp_path)
    assert one_line(caught)


@pytest.mark.parametrize(
    ("head", "says"),
    [(None, "2 heads; name one of them as `head`: default, matpes_r2scan"), ("omol", "it has: default, matpes_r2scan")],
)
def test_a_head_that_is_not_named_or_not_there_is_refused_in_one_line(tmp_path, head, says):
    sha256 = make_small_foundation(tmp_path / "configs" / "x.model", heads=("default", "matpes_r2scan"))
    with pytest.raises(HeadError, match=says) as caught:
        resolve(FoundationFile(path="x.model", sha256=sha256, head=head), tmp_path)
    assert one_line(caught)


def test_a_campaign_that_began_with_the_default_head_goes_on(tmp_path):
    sha256 = make_small_foundation(tmp_path / "configs" / "x.model", heads=("default", "matpes_r2scan"))
    found = resolve_foundation(
        FoundationFile(path="x.model", sha256=sha256),
        config_folder=tmp_path / "configs",
        campaign_root=tmp_path / "run",
        begun=True,
    )
    assert found == PlacedFoundation(sha256, KNOWN)


def test_a_head_of_a_named_model_is_found(tmp_path, name_at):
    content = pickled(small_foundation(heads=("omat_pbe", "omol")))
    with served(content) as url:
        name_at(url)
        with pytest.raises(HeadError, match="omat_pbe, omol"):
            resolve("medium-mpa-0", tmp_path)
        found = resolve(FoundationHead(name="medium-mpa-0", head="omol"), tmp_path)
    assert found == PlacedFoundation(hashlib.sha256(content).hexdigest(), KNOWN)


def test_what_lies_in_the_cache_is_found_without_a_network(tmp_path, name_at):
    content = pickled(small_foundation())
    with served(content) as url:
        name_at(url)
        assert cached_foundation("medium-mpa-0") is None
        resolve("medium-mpa-0", tmp_path)
    found = cached_foundation("medium-mpa-0")
    assert found is not None
    assert found.read_bytes() == content


@pytest.mark.parametrize("value", [{"a": 1}, torch.nn.Linear(2, 2)])
def test_what_is_no_mace_model_is_refused(tmp_path, value):
    (tmp_path / "x.model").write_bytes(pickled(value))
    with pytest.raises(FoundationError, match="cannot be used") as caught:
        load_foundation_file(tmp_path / "x.model", hashlib.sha256(pickled(value)).hexdigest())
    assert one_line(caught)


def test_garbage_is_refused_in_one_line(tmp_path):
    (tmp_path / "x.model").write_bytes(b"garbage")
    with pytest.raises(FoundationError, match="not a model saved by MACE") as caught:
        load_foundation_file(tmp_path / "x.model", hashlib.sha256(b"garbage").hexdigest())
    assert one_line(caught)


# -- committees --------------------------------------------------------------------------------------------------


def test_a_committee_beside_the_config_is_placed_and_its_members_are_counted(tmp_path):
    sha256 = make_small_committee(tmp_path / "configs" / "c.pt", 3)
    found = resolve(FoundationFile(path="c.pt", sha256=sha256), tmp_path)
    assert found == PlacedFoundation(sha256, ("Li", "Cl"), 3)
    placed = tmp_path / "run" / "foundation" / f"{sha256}.model"
    assert placed.read_bytes() == (tmp_path / "configs" / "c.pt").read_bytes()


def test_each_member_of_a_committee_is_loaded_by_its_number_and_the_leader_without(tmp_path):
    sha256 = make_small_committee(tmp_path / "c.pt", 2)
    for member, seed in ((None, 0), (0, 0), (1, 1)):
        model = load_foundation_file(tmp_path / "c.pt", sha256, member=member)
        assert np.array_equal(forces_of(model), forces_of(small_model(seed)))


def test_a_committee_of_another_checksum_is_refused_in_one_line(tmp_path):
    make_small_committee(tmp_path / "configs" / "c.pt")
    with pytest.raises(FoundationError, match="sha256") as caught:
        resolve(FoundationFile(path="c.pt", sha256="0" * 64), tmp_path)
    assert one_line(caught)
    assert not (tmp_path / "run").exists()


def test_a_committee_whose_members_are_no_models_is_refused_in_one_line(tmp_path):
    content = pickled({"format": FORMAT, "members": [{"config": {}, "state": {}}]})
    (tmp_path / "c.pt").write_bytes(content)
    with pytest.raises(FoundationError, match=r"c\.pt") as caught:
        load_foundation_file(tmp_path / "c.pt", hashlib.sha256(content).hexdigest())
    assert one_line(caught)


def test_a_committee_whose_members_know_different_elements_is_refused(tmp_path):
    path = tmp_path / "configs" / "c.pt"
    path.parent.mkdir()
    sha256 = write_committee(path, [small_foundation((3, 17)), small_foundation((3, 9))])
    with pytest.raises(FoundationError, match="member 1 knows other elements than the leader") as caught:
        resolve(FoundationFile(path="c.pt", sha256=sha256), tmp_path)
    assert one_line(caught)


@pytest.mark.parametrize("members", [17, 1_000_000])
def test_a_committee_of_too_many_members_is_refused_before_any_of_them_is_built(tmp_path, members):
    content = pickled({"format": FORMAT, "members": [{}] * members})
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "c.pt").write_bytes(content)
    with pytest.raises(FoundationError, match=rf"has {members} members, and a committee has 16 at most") as caught:
        resolve(FoundationFile(path="c.pt", sha256=hashlib.sha256(content).hexdigest()), tmp_path)
    assert one_line(caught)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("head", [None, "pbe"])
def test_a_committee_whose_members_have_several_heads_is_refused(tmp_path, head):
    path = tmp_path / "configs" / "c.pt"
    path.parent.mkdir()
    sha256 = write_committee(path, [small_foundation(heads=("pbe", "scan"), seed=seed) for seed in (0, 1)])
    with pytest.raises(FoundationError, match="member 0 has several heads") as caught:
        resolve(FoundationFile(path="c.pt", sha256=sha256, head=head), tmp_path)
    assert one_line(caught)


# -- alloop's own ------------------------------------------------------------------------------------------------


class Own(ShippedFoundation):
    """A foundation of alloop's own whose file lies elsewhere."""

    folder = Path()

    @property
    def path(self):
        return self.folder / f"{self.name}.pt"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A foundation of two members that comes with alloop, where no network is to be had; returns its checksum."""
    sha256 = make_small_committee(tmp_path / "shipped" / "ours-1.pt", 2)
    monkeypatch.setattr(Own, "folder", tmp_path / "shipped")
    shipped = Own(name="ours-1", sha256=sha256, taught_by="chgnet", licence=MIT, citation="us")
    monkeypatch.setattr("alloop.potential.models.foundation.SHIPPED", {"ours-1": shipped})
    monkeypatch.setattr("alloop.potential.models.foundation._download", None)
    return sha256


def test_a_foundation_of_alloops_own_is_placed_by_its_name_without_a_download(tmp_path, own):
    assert resolve("ours-1", tmp_path) == PlacedFoundation(own, ("Li", "Cl"), 2)
    assert (tmp_path / "run" / "foundation" / f"{own}.model").is_file()
    assert resolve("ours-1", tmp_path) == PlacedFoundation(own, ("Li", "Cl"), 2)
    assert cached_foundation("ours-1") == tmp_path / "shipped" / "ours-1.pt"
    assert fetch_foundation("ours-1") == (tmp_path / "shipped" / "ours-1.pt", own)


@pytest.mark.parametrize(("damage", "says"), [(b"altered", "sha256"), (None, "cannot read foundation")])
def test_an_altered_or_missing_file_of_alloops_own_is_one_line(tmp_path, own, damage, says):
    path = tmp_path / "shipped" / "ours-1.pt"
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(FoundationError, match=says) as caught:
        resolve("ours-1", tmp_path)
    assert one_line(caught)
    assert "ours-1.pt" in str(caught.value)
    assert str(caught.value).endswith("install alloop again"), "no config has a checksum of it to correct"
    assert not (tmp_path / "run").exists()


def test_a_name_like_that_of_alloops_own_suggests_it(tmp_path, own):
    with pytest.raises(FoundationError, match="did you mean `ours-1`"):
        resolve("ours1", tmp_path)
