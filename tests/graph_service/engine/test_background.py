"""Work in the background is done once for all who asked before it began, and again for who asked after."""

import threading

from graph_service.engine.background import Background

PATIENCE = 30


def test_who_wakes_it_while_it_works_has_it_work_again():
    began, gate, calls = threading.Semaphore(0), threading.Semaphore(0), []

    def work():
        calls.append(threading.current_thread())
        began.release()
        assert gate.acquire(timeout=PATIENCE)

    background = Background("test", work)
    background.wake()
    assert began.acquire(timeout=PATIENCE)
    for _ in range(10):
        background.wake()
    gate.release(2)
    assert began.acquire(timeout=PATIENCE)
    background.close()
    assert len(calls) == 2
    assert len(set(calls)) == 1


def test_a_close_ends_a_rest_and_begins_nothing():
    calls, began = [], threading.Event()

    def work():
        began.set()
        calls.append(background.rest(PATIENCE))

    background = Background("test", work)
    background.wake()
    assert began.wait(PATIENCE)
    background.wake()
    background.close()
    background.wake()
    background._thread.shutdown(wait=True)
    assert calls == [True]
