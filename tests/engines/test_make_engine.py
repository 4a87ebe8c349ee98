"""The names of engines, and what they are given."""

import os

import engine_functions as f
import pytest

from sb3_entropy.engines import EngineError, make_engine
from sb3_entropy.engines.backlog import Backlog
from sb3_entropy.engines.calls import dump


def test_workers():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for engine, workers in ((make_engine(), cores), (make_engine("process", 5), 5), (make_engine("serial"), 1)):
        with engine:
            assert engine.workers == workers
    for workers, kind in ((0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError), (True, TypeError)):
        for name in ("process", "ray"):
            with pytest.raises(kind, match="workers must be a whole number ≥ 1"):
                make_engine(name, workers)
    for workers in (2, 0, True):
        with pytest.raises(ValueError, match=f"'serial' has one worker, but workers={workers} was given"):
            make_engine("serial", workers)


def test_names_and_addresses():
    with pytest.raises(
        ValueError, match=r"Unknown engine 'proces'. Available: process, ray, serial. Did you mean 'process'"
    ):
        make_engine("proces")
    for name in ("serial", "process"):
        with pytest.raises(ValueError, match=f"Only the engine 'ray' has an address, but 'h:1' was given to '{name}'"):
            make_engine(name, address="h:1")


def test_closed_serial_engine():
    engine = make_engine("serial")
    counter = engine.spawn(f.Counter, 0)
    waiting = engine.map_unordered(f.square, [1])
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        counter.call("add").result()
    with pytest.raises(EngineError, match=r"closed. Make another one with make_engine\(\)"):
        engine.map_unordered(f.square, [1])
    with pytest.raises(EngineError, match="closed"):
        next(waiting)
    with pytest.raises(EngineError, match="closed"):
        engine.wait([counter.call("add")])


def test_backlog_starts_no_more_workers_than_there_is_work_for():
    backlog = Backlog(range(5), 2, dump)
    assert [backlog.wanted(workers) for workers in (1, 2, 3, 9)] == [1, 2, 3, 3]
    chunks = [backlog.take() for _ in range(3)]
    assert [chunk.indices for chunk in chunks] == [(0, 1), (2, 3), (4,)]
    assert backlog.wanted(9) == 0
    assert backlog.empty
    assert backlog.lost(chunks[0], "died") == []
    assert backlog.wanted(9) == 2
    again = [backlog.take(), backlog.take()]
    assert [chunk.indices for chunk in again] == [(0,), (1,)]
    assert backlog.take() is None
    assert backlog.lost(again[1], "died again") == []
    (outcome,) = backlog.lost(backlog.take(), "was killed by SIGSEGV")
    assert outcome.index == 1
    assert "each of the 3 times that it worked on this item: the last one was killed by SIGSEGV" in outcome.error
