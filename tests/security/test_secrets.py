"""Secrets of the environment through a whole campaign, and a journal that somebody gave another config."""

import base64
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from alloop import cli
from alloop.journal.journal import JOURNAL_FILE
from tests.support.campaigns import environment, folded, run, write_config

ROOT = Path(__file__).parents[2]
SECRETS = {
    "WANDB_API_KEY": "5ec2e70123456789abcdef0123456789abcdef01",
    "LICENCE_TOKEN": "canary-token-7f3a9c",
    "DB_PASSWORD": "canary:pass/word+1",
    "AWS_SECRET_ACCESS_KEY": "canaryAwsSecret0123456789",
}
NETRC_PASSWORD = "canary-netrc-0123456789abcdef"
CANARIES = (*SECRETS.values(), NETRC_PASSWORD)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A campaign with secrets in its environment, whose calculator tells them when it fails."""
    folder = tmp_path_factory.mktemp("secrets")
    home = folder / "home"
    home.mkdir()
    (home / ".netrc").write_text(f"machine api.wandb.ai login user password {NETRC_PASSWORD}\n")
    (home / ".netrc").chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**SECRETS, "HOME": str(home), "PYTHONPATH": str(ROOT), "WANDB_DEBUG": "true"}.items():
            patch.setenv(name, value)
        patch.setattr("tests.support.campaigns.environment", lambda: environment() | SECRETS)
        config = write_config(
            folder / "config",
            label={"engine": "ase", "calculator": "tests.support.calculators:Leaks"},
            ladder={"rungs": [4], "fits": 2},
            monitor={"wandb": {"enabled": True, "mode": "offline"}},
        )
        code, output = run(config, folder / "campaign")
        assert code == 0, output
        yield config, folder / "campaign", output


def holding(folder, words):
    """The files in which one of some words stands, in clear or as base64."""
    coded = [base64.b64encode(word.encode()).rstrip(b"=")[:-1] for word in words]
    wanted = [*(word.encode() for word in words), *coded]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    return [path for path in files if any(word in path.read_bytes() for word in wanted)]


@pytest.mark.slow
def test_no_secret_reaches_a_file_of_the_campaign_or_the_terminal(finished):
    _, folder, output = finished
    state = folded(folder)
    assert state.failures["dft"] > 0
    assert "no licence for [secret] [secret]" in state.last_problem + output
    assert (folder / "wandb").is_dir()
    assert holding(folder, CANARIES) == []
    assert [word for word in CANARIES if word in output] == []


@pytest.mark.slow
def test_what_parsl_keeps_of_its_channel_is_for_the_user_alone(finished):
    _, folder, _ = finished
    certificates = list(folder.rglob("certificates"))
    assert certificates
    assert {path.stat().st_mode & 0o077 for path in certificates} == {0}
    loose = [path for path in folder.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o002]
    assert loose == []


@pytest.mark.slow
def test_outputs_hold_no_secret_either(finished, tmp_path):
    _, folder, _ = finished
    for command, target in (("report", tmp_path / "r.html"), ("export", tmp_path / "out"), ("status", None)):
        words = [command, str(folder), *(["--output", str(target)] if target else [])]
        done = alloop(*words)
        assert done.returncode == 0, done.stderr
        assert [word for word in CANARIES if word in done.stdout + done.stderr] == []
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(word.encode() in path.read_bytes() for path in found for word in CANARIES)


def alloop(*words):
    command = [sys.executable, "-m", "alloop", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment() | SECRETS | {"PYTHONPATH": path()}, timeout=300
    )


def path():
    return os.environ.get("SMUGGLED", "") + os.pathsep + str(ROOT)


@pytest.mark.slow
def test_a_config_smuggled_into_the_journal_runs_nothing(finished, tmp_path, monkeypatch):
    """The last test here: it spoils the campaign. A module, a calculator and a shell line would each leave a mark."""
    config, folder, _ = finished
    hit = tmp_path / "hit"
    (tmp_path / "smuggled.py").write_text(f"import pathlib\npathlib.Path({str(hit)!r}).touch()\nclass Hit: pass\n")
    monkeypatch.setenv("SMUGGLED", str(tmp_path))
    events = folder / JOURNAL_FILE
    with closing(sqlite3.connect(events)) as database:
        seq, body = database.execute("SELECT seq, body FROM event WHERE kind = 'campaign_created'").fetchone()
        database.execute("DELETE FROM event WHERE seq >= (SELECT min(seq) FROM event WHERE kind = 'rung_judged')")
        database.commit()

    def tamper(change):
        """Change the first event, and take away the checksums that would tell."""
        content = json.loads(body)
        change(content["config"])
        (folder / "journal.tail").unlink(missing_ok=True)
        with closing(sqlite3.connect(events)) as database:
            database.execute("DROP TABLE IF EXISTS checksum")
            database.execute("UPDATE event SET body = ? WHERE seq = ?", (json.dumps(content), seq))
            database.commit()

    def harmless(*words, code):
        done = alloop(*words)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert not hit.exists(), words

    def smuggle(content):
        content["select"].update(policy="smuggled:Hit")
        content["label"].update(calculator="smuggled:Hit")

    tamper(smuggle)
    for command in ("status", "report", "export"):
        harmless(command, folder, code=0)
    harmless("run", config, "--folder", folder, "--plain", code=2)
    tamper(lambda content: content["execution"]["executors"]["local"].update(worker_init=f"touch {hit}"))
    harmless("run", config, "--folder", folder, "--plain", code=0)
    assert "touch" not in yaml.safe_dump(folded(folder).config)


def test_a_crash_tells_no_secret(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "alloop-crash.txt").symlink_to(precious)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)

    def crash():
        raise KeyError(f"\x1b[31mall of {' '.join(SECRETS.values())}\nand more")

    monkeypatch.setattr(cli, "app", crash)
    with pytest.raises(SystemExit):
        cli.main()
    told, crash_file = capsys.readouterr().err, (tmp_path / "alloop-crash.txt").read_text()
    assert told.count("\n") == 1
    assert "\x1b" not in told
    assert "an error of alloop: please report it with" in told
    assert "Traceback" in crash_file
    assert [word for word in CANARIES if word in told + crash_file] == []
    assert precious.read_text() == "mine"
