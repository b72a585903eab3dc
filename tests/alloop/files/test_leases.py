import errno
import json
import os
import signal
import threading
import time
from dataclasses import asdict, replace

import pytest

from alloop.files import leases
from alloop.files.leases import HeldError, lease_holder, take_lease, this_process
from alloop.files.plain_files import open_below
from tests.support import leaseholder

LEASE_S = 2.0


@pytest.fixture
def holder(tmp_path, request):
    """A process that holds the lease of this test's folder."""
    process = leaseholder.start("hold", tmp_path / "name", LEASE_S, *getattr(request, "param", ()))
    assert leaseholder.said(process) == "held"
    yield process
    process.kill()
    process.communicate()


elsewhere = pytest.mark.parametrize("holder", [["elsewhere"]], indirect=True)


def taken_after(folder, **keywords):
    begin = time.monotonic()
    take_lease(folder / "name", lease_s=LEASE_S, **keywords).release()
    return time.monotonic() - begin


def test_processes_that_count_under_a_lease_never_count_at_the_same_time(tmp_path):
    number = tmp_path / "number"
    number.write_text("0")
    counters = [leaseholder.start("count", tmp_path / "name", 30, 25, number) for _ in range(4)]
    assert [process.wait(timeout=60) for process in counters] == [0] * 4
    for process in counters:
        process.communicate()
    assert number.read_text() == "100"
    assert len(list((tmp_path / "name").iterdir())) == 1


def test_the_next_one_enters_at_once_when_a_lease_is_released(tmp_path):
    lease = take_lease(tmp_path / "name")
    entered = threading.Event()
    waiter = threading.Thread(target=lambda: (take_lease(tmp_path / "name").release(), entered.set()))
    waiter.start()
    assert not entered.wait(0.3)
    lease.release()
    assert entered.wait(5)
    waiter.join()


def test_a_killed_process_of_this_host_is_followed_at_once(tmp_path, holder):
    assert lease_holder(tmp_path / "name") == f"pid {holder.pid} on {os.uname().nodename}"
    with pytest.raises(HeldError, match=f"pid {holder.pid}"):
        take_lease(tmp_path / "name", wait=False)
    holder.send_signal(signal.SIGKILL)
    begin = time.monotonic()
    while lease_holder(tmp_path / "name") is not None:
        assert time.monotonic() - begin < 5
    assert taken_after(tmp_path) < LEASE_S / 2


def test_a_process_id_that_was_used_again_is_not_the_holder(tmp_path):
    impostor = replace(this_process(), started="1")
    take_lease(tmp_path / "name", owner=impostor, lease_s=60)
    assert lease_holder(tmp_path / "name") is None
    assert taken_after(tmp_path) < LEASE_S / 2


@elsewhere
def test_a_killed_process_of_another_host_is_followed_after_the_lease(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    said = []
    assert LEASE_S < taken_after(tmp_path, wait=False, say=said.append) < 3 * LEASE_S
    assert said == [f"waiting for the lease of pid {holder.pid} on elsewhere, at most 2 s"]


@elsewhere
def test_a_living_process_of_another_host_is_noticed_long_before_its_lease_ends(tmp_path, holder):
    begin = time.monotonic()
    with pytest.raises(HeldError, match="on elsewhere"):
        take_lease(tmp_path / "name", wait=False, lease_s=LEASE_S)
    assert time.monotonic() - begin < LEASE_S / 2
    assert leaseholder.ask(holder) == "True"


def test_a_suspended_process_of_this_host_is_waited_for(tmp_path, holder):
    holder.send_signal(signal.SIGSTOP)
    waiter = leaseholder.start("hold", tmp_path / "name", LEASE_S)
    time.sleep(2 * LEASE_S)
    assert waiter.poll() is None
    holder.send_signal(signal.SIGCONT)
    assert leaseholder.ask(holder) == "True"
    assert leaseholder.ask(holder, "") == "free"
    assert leaseholder.said(waiter) == "held"
    waiter.communicate("\n")


@elsewhere
def test_a_suspended_process_of_another_host_finds_its_lease_taken(tmp_path, holder):
    holder.send_signal(signal.SIGSTOP)
    lease = take_lease(tmp_path / "name", lease_s=LEASE_S)
    holder.send_signal(signal.SIGCONT)
    assert leaseholder.ask(holder) == "False"
    assert leaseholder.ask(holder, "") == "free"
    assert lease.intact()
    assert lease_holder(tmp_path / "name") == str(this_process())
    lease.release()
    assert lease_holder(tmp_path / "name") is None


@elsewhere
def test_one_of_several_that_wait_for_a_dead_process_takes_over(tmp_path, holder):
    number = tmp_path / "number"
    number.write_text("0")
    counters = [leaseholder.start("count", tmp_path / "name", LEASE_S, 5, number) for _ in range(4)]
    holder.send_signal(signal.SIGKILL)
    assert [process.wait(timeout=60) for process in counters] == [0] * 4
    for process in counters:
        process.communicate()
    assert number.read_text() == "20"


def test_a_name_changes_hands_where_files_can_be_neither_renamed_nor_linked(tmp_path, monkeypatch):
    def refuse(*arguments, **keywords):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    for call in ("link", "rename", "replace", "symlink"):
        monkeypatch.setattr(os, call, refuse)
    left = take_lease(tmp_path / "name", owner=replace(this_process(), started="1"), lease_s=60)
    assert taken_after(tmp_path) < LEASE_S / 2
    left.release()


def test_a_process_that_was_suspended_between_looking_and_acting_disturbs_nobody(tmp_path):
    folder = tmp_path / "name"
    for _ in range(4):
        take_lease(folder).release()
    lease = take_lease(folder)
    stale = folder / "2"
    stale.write_text(json.dumps(asdict(this_process())) + "\nheld 000000000000\n")
    assert lease.intact()
    with pytest.raises(HeldError):
        take_lease(folder, wait=False)
    lease.release()
    take_lease(folder).release()
    assert not stale.exists()


@pytest.mark.parametrize("content", [b"", b"[]\n", b'{"pid": "x"}\n', b"\xff" * 5000, b'{"host": "h", "space": 1}'])
def test_a_file_that_makes_no_sense_is_followed_after_the_lease(tmp_path, content):
    (tmp_path / "name").mkdir()
    (tmp_path / "name" / "7").write_bytes(content)
    (tmp_path / "name" / "notes.txt").write_bytes(b"")
    (tmp_path / "name" / "3").mkdir()
    begin = time.monotonic()
    take_lease(tmp_path / "name", lease_s=0.4, wait=False).release()
    assert 0.4 < time.monotonic() - begin < 3


@pytest.mark.parametrize("code", [errno.EEXIST, errno.EIO])
def test_a_number_that_another_took_and_left_before_this_one_looked_again_is_no_error(tmp_path, monkeypatch, code):
    """The other found itself overtaken: its number is gone, a larger one is there. EIO: a protocol without EEXIST."""
    taken = []

    def overtaken(root, path, flags=os.O_RDONLY, mode=0o644):
        if flags & os.O_EXCL and not taken:
            taken.append(path.name)
            larger = path.with_name(str(int(path.name) + 1))
            larger.write_text(json.dumps(asdict(this_process())) + f"\nfree {0:012d}\n")
            raise OSError(code, os.strerror(code))
        return open_below(root, path, flags, mode)

    monkeypatch.setattr(leases, "open_below", overtaken)
    take_lease(tmp_path / "name", lease_s=LEASE_S).release()
    assert taken == ["1"]
    assert lease_holder(tmp_path / "name") is None


def test_a_lease_whose_folder_was_removed_is_lost(tmp_path):
    lease = take_lease(tmp_path / "name", lease_s=0.4)
    for file in (tmp_path / "name").iterdir():
        file.unlink()
    time.sleep(0.2)
    assert not lease.intact()
    lease.release()
