import threading

import pytest

from alloop.workers.parsl_kernel import OneClosing
from tests.support.waiting import wait_for


class Context:
    """Stands in for the context of sockets: it counts how often it was destroyed."""

    def __init__(self):
        self.destroyed = 0

    def destroy(self, linger):
        assert linger == 0
        self.destroyed += 1


class Pipe:
    """Stands in for a pipe of Parsl whose closing takes until it is let go."""

    def __init__(self):
        self.zmq_context = Context()
        self.begun, self.let_go, self.closed = threading.Event(), threading.Event(), 0

    def close(self):
        self.begun.set()
        assert self.let_go.wait(10)
        self.closed += 1


@pytest.fixture
def pipe():
    return Pipe()


def test_what_a_shutdown_is_closing_is_left_to_it(pipe):
    closing = OneClosing(pipe)
    thread = threading.Thread(target=closing)
    thread.start()
    assert pipe.begun.wait(10)
    closing.abandon()
    assert pipe.zmq_context.destroyed == 0
    pipe.let_go.set()
    thread.join(10)
    assert pipe.closed == 1
    closing.abandon()
    assert pipe.zmq_context.destroyed == 0


def test_a_shutdown_that_goes_on_closes_nothing_that_was_abandoned(pipe):
    closing = OneClosing(pipe)
    closing.abandon()
    closing()
    closing.abandon()
    assert (pipe.closed, pipe.zmq_context.destroyed) == (0, 1)


def test_many_threads_close_a_pipe_once(pipe):
    closing = OneClosing(pipe)
    pipe.let_go.set()
    threads = [threading.Thread(target=action) for action in (closing, closing.abandon) * 20]
    for thread in threads:
        thread.start()
    assert wait_for(lambda: not any(thread.is_alive() for thread in threads), 10)
    assert pipe.closed + pipe.zmq_context.destroyed == 1
