"""What is a record, and which records are equal."""

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sb3_entropy.store import RunRecord, Store, StoreFull, same_but_clock

from .examples import AWKWARD, edge_runs, make_run


def test_equal_but_for_the_clock() -> None:
    run = make_run(1)
    assert same_but_clock(run, replace(run, recorded={"wall_seconds": 9}))
    assert same_but_clock(edge_runs()[0], edge_runs()[0])  # NaN equals NaN


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "other"},
        {"definition": {}},
        {"status": "failed"},
        {"error": "x"},
        {"scores": {"final_return": math.nextafter(make_run(1).scores["final_return"], 9)}},
        {"steps": tuple(range(20))},
        {"curves": {**make_run(1).curves, "curve/0": (math.nan,) * 20}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_not_equal(change: dict[str, Any]) -> None:
    assert not same_but_clock(make_run(1), replace(make_run(1), **change))


def test_the_sign_of_zero_counts() -> None:
    run = make_run(1)
    assert not same_but_clock(replace(run, scores={"a": 0.0}), replace(run, scores={"a": -0.0}))


def test_numbers_of_numpy_become_pythons() -> None:
    run = replace(
        make_run(1),
        scores={"a": np.float32(0.1), "b": np.int64(3), "c": 2},
        steps=np.array([1, 2]),  # type: ignore[arg-type]
        curves={"d": np.array([0.5, math.nan])},  # type: ignore[dict-item]
        definition={"layers": (64, 64)},
    )
    with Store(":memory:") as store:
        store.record(run)
        store.set_members("s", [])
        row = store._connection.execute("SELECT steps, definition FROM runs").fetchone()
        scores = dict(store._connection.execute("SELECT measure, value FROM scores").fetchall())
    assert row == ("[1, 2]", '{"layers": [64, 64]}')
    assert scores == {"a": float(np.float32(0.1)), "b": 3.0, "c": 2.0}


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"run_id": ""}, ValueError, "run_id must be a text on one line, not empty, but ''"),
        ({"status": "finish"}, ValueError, "Unknown status 'finish'. Available: failed, finished. Did you mean"),
        ({"scores": {"a": "1"}}, TypeError, r"score 'a' of run 'run0001' must be numbers, but '1' \(str\)"),
        ({"scores": {"a": True}}, TypeError, r"but True \(bool\)"),
        ({"scores": {"a": None}}, TypeError, "NoneType"),
        ({"scores": {"a\n": 1.0}}, ValueError, "a score's name in run 'run0001'"),
        ({"steps": (1, 1), "curves": {}}, ValueError, r"must increase strictly, but \(1, 1\)"),
        ({"steps": (1.0,), "curves": {}}, TypeError, r"must be whole numbers, but 1.0 \(float\)"),
        ({"steps": (2**63,), "curves": {}}, ValueError, "must fit into 64 bits"),
        ({"curves": {"c": (1.0,)}}, ValueError, "curve 'c' of run 'run0001' .* each of the 20 steps, but 1 were given"),
        ({"curves": {"": (1.0,) * 20}}, ValueError, "a curve's name"),
        ({"curves": {"c": ("x",) * 20}}, TypeError, "curve 'c' .* but 'x'"),
        ({"definition": {"f": print}}, TypeError, "definition of run 'run0001' must be plain data .*not JSON"),
        ({"recorded": [1]}, TypeError, r"recorded of run 'run0001' must be a mapping, but \[1\]"),
    ],
)
def test_a_wrong_record_is_refused_and_nothing_is_written(
    change: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with Store(":memory:") as store:
        with pytest.raises(kind, match=message):
            store.record_all([make_run(0), replace(make_run(1), **change)])
        assert store.status(["run0000"]) == {}


def test_what_cannot_be_printed_in_an_error_is_escaped() -> None:
    with Store(":memory:") as store:
        store.record(replace(make_run(1, "failed"), error="a\x00b\x1b[0m\ud800\u2028c\r\n\td"))
        (error,) = store._connection.execute("SELECT error FROM runs").fetchone()
    assert error == "a\\x00b\\x1b[0m\\ud800\\u2028c\\r\n\td"


def test_awkward_numbers_are_awkward() -> None:
    assert len(set(map(repr, AWKWARD))) == len(AWKWARD)


def test_a_full_disk_is_an_error_of_the_system_too() -> None:
    error = StoreFull("full")
    assert isinstance(error, OSError)
    assert str(pickle.loads(pickle.dumps(error))) == "full"


def test_a_record_survives_pickling() -> None:
    run = make_run(3)
    assert isinstance(run, RunRecord)
    assert pickle.loads(pickle.dumps(run)).curves == run.curves
