"""One job at a time, on one thread, and its error comes back to whoever asked."""

from __future__ import annotations

import threading

import pytest

from engine.player.worker import Worker


def finished(worker: Worker, done: threading.Event) -> None:
    assert done.wait(30)
    done.clear()


def test_jobs_run_on_one_thread_that_is_not_ours() -> None:
    done = threading.Event()
    worker = Worker(on_done=done.set)
    idents = []
    for _ in range(3):
        worker.submit(threading.get_ident)
        assert worker.busy
        finished(worker, done)
        assert worker.done
        idents.append(worker.take())
        assert not worker.busy
    worker.close()
    assert len(set(idents)) == 1
    assert idents[0] != threading.get_ident()


def test_an_error_comes_back_and_the_worker_lives_on() -> None:
    done = threading.Event()
    worker = Worker(on_done=done.set)
    worker.submit(lambda: 1 / 0)
    finished(worker, done)
    with pytest.raises(ZeroDivisionError):
        worker.take()
    worker.submit(lambda: "fine")
    finished(worker, done)
    assert worker.take() == "fine"
    worker.close()


def test_closing_waits_for_the_job_and_says_farewell_after_it() -> None:
    order: list[str] = []
    gate = threading.Event()
    worker = Worker()
    worker.submit(lambda: (gate.wait(30), order.append("job")))
    threading.Timer(0.01, gate.set).start()
    worker.close(lambda: order.append("farewell"))
    assert order == ["job", "farewell"]


def test_an_error_in_the_farewell_is_not_swallowed() -> None:
    worker = Worker()
    with pytest.raises(ZeroDivisionError):
        worker.close(lambda: 1 / 0)
