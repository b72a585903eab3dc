import errno
import fcntl
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from alloop.files import locks, mounts
from alloop.files.leases import HeldError
from alloop.files.locks import holder_of, lock_kind, lock_path, take
from alloop.files.mounts import Mount
from alloop.files.plain_files import NotPlainError
from tests.support.waiting import wait_for

KINDS = pytest.mark.parametrize("kind", ["flock", "lease"])


@KINDS
def test_a_held_name_is_refused_with_its_holder_and_free_afterwards(tmp_path, kind):
    name = tmp_path / "locks" / "key"
    path = lock_path(name, kind)
    assert holder_of(name) is None
    held = take(path, kind, below=tmp_path)
    assert held.intact()
    assert holder_of(name) == f"pid {os.getpid()} on {os.uname().nodename}"
    with pytest.raises(HeldError, match=f"pid {os.getpid()} on"):
        take(path, kind, wait=False)
    held.release()
    held.release()
    assert holder_of(name) is None
    take(path, kind, wait=False).release()


@KINDS
def test_no_link_is_followed(tmp_path, kind):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "1").write_text("a chapter")
    campaign = tmp_path / "campaign"
    (campaign / "locks").mkdir(parents=True)
    path = lock_path(campaign / "locks" / "key", kind)
    path.symlink_to(precious / "1" if kind == "flock" else precious)
    with pytest.raises(NotPlainError):
        take(path, kind, below=campaign)
    path.unlink()
    (campaign / "locks").rmdir()
    (campaign / "locks").symlink_to(precious)
    with pytest.raises(NotPlainError):
        take(path, kind, below=campaign)
    assert {entry.name: entry.read_text() for entry in precious.iterdir()} == {"1": "a chapter"}


@KINDS
def test_threads_of_one_process_exclude_each_other(tmp_path, kind):
    inside, most = [], []

    def work():
        for _ in range(5):
            held = take(lock_path(tmp_path / "key", kind), kind)
            inside.append(1)
            most.append(len(inside))
            inside.pop()
            held.release()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work) for _ in range(4)]:
            done.result(120)  # an error in a thread is one of the test
    assert most == [1] * 20


def test_a_local_folder_has_flock_and_a_wish_is_granted(tmp_path):
    assert lock_kind(tmp_path) == "flock"
    assert lock_kind(tmp_path, "lease") == "lease"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_refuses_flock_has_leases(tmp_path, monkeypatch, number):
    def refuse(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert lock_kind(tmp_path) == "lease"


def test_a_file_system_that_grants_flock_to_everybody_has_leases(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda descriptor, operation: None)
    assert lock_kind(tmp_path) == "lease"


def test_a_mount_on_which_flock_ends_at_the_host_has_leases(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "mount_of", lambda path: Mount("/", "lustre", frozenset({"localflock"})))
    assert lock_kind(tmp_path) == "lease"


def test_the_list_of_mounts_is_asked_for_the_folder(tmp_path, monkeypatch):
    listed = tmp_path / "mountinfo"
    line = "27 1 0:9 / {} rw - nfs srv:/x rw,vers=3,nolock,local_lock=all\n"
    listed.write_text(line.format("/"))
    monkeypatch.setattr(mounts, "MOUNTINFO", listed)
    assert lock_kind(tmp_path) == "lease"
    listed.write_text(line.format("/elsewhere"))
    assert lock_kind(tmp_path) == "flock"


def fork_that_lives_on():
    """Return the process id of a fork of this process that waits until it is killed, as a daemon of a calculator."""
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    return child


def test_a_fork_of_the_holder_that_lives_on_does_not_keep_the_name(tmp_path):
    path = lock_path(tmp_path / "key", "flock")
    held = take(path, "flock")
    child = fork_that_lives_on()
    try:
        assert held.intact()
        held.release()
        take(path, "flock", wait=False).release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_holder_that_is_killed_leaves_nothing_to_its_fork(tmp_path):
    path = lock_path(tmp_path / "key", "flock")
    source, target = os.pipe()
    holder = os.fork()
    if holder == 0:
        held = take(path, "flock")
        os.write(target, f"{fork_that_lives_on()}\n".encode())
        assert held.intact()
        os.kill(os.getpid(), signal.SIGKILL)
    child = int(os.read(source, 20))
    try:
        os.waitpid(holder, 0)
        assert wait_for(lambda: holder_of(tmp_path / "key") is None, 5)
        take(path, "flock", wait=False).release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(source)
        os.close(target)
