"""Evaluations under keys: what is added is read again, bit for bit, and what was interrupted goes on."""

import json
import math
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from sb3_entropy.store import Evaluation, Evaluations, Store, StoreError

from ..examples import AWKWARD, make_evaluation

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def evaluations(tmp_path: Path) -> Iterator[Evaluations]:
    with Store(tmp_path / "runs.sqlite") as store:
        yield Evaluations(store)


def test_every_float_returns_bit_for_bit_through_another_connection(evaluations: Evaluations, tmp_path: Path) -> None:
    key = {"at": [0.1, -0.0, 5e-324], "spread": math.inf, "name": "σ", "none": None, "whole": 2**60}
    assert evaluations.add([Evaluation(key, {"up": AWKWARD, "down": np.array(AWKWARD[::-1])})]) == 1
    with Store(tmp_path / "runs.sqlite") as other:
        (read,) = Evaluations(other).read([key])
    assert read is not None
    assert repr(dict(read.key)) == repr(dict(sorted(key.items())))
    assert repr(read.results) == repr({"down": AWKWARD[::-1], "up": AWKWARD})


def test_what_is_there_stays_and_the_rest_is_taken(evaluations: Evaluations) -> None:
    first = [make_evaluation(i) for i in range(5)]
    assert evaluations.add(first) == 5
    others = [Evaluation(first[2].key, {"cost": [7.0]}), make_evaluation(5), make_evaluation(5)]
    assert evaluations.add(iter(others)) == 1
    assert evaluations.read(e.key for e in first) == first
    assert evaluations.keys() == [make_evaluation(i).key for i in range(6)]


def test_a_probe_goes_on_with_what_is_missing(evaluations: Evaluations) -> None:
    """More keys than a query may name, in the order in which they were asked for, each once."""
    wanted = [make_evaluation(i, trials=1) for i in range(1_200)]
    done = random.Random(0).sample(wanted, 700)
    evaluations.add(done)
    left = evaluations.missing(e.key for e in [*wanted, wanted[3]])
    assert left == [e.key for e in wanted if e not in done]
    assert len(left) == 500
    read = evaluations.read(e.key for e in wanted)
    assert [e is None for e in read] == [e not in done for e in wanted]
    evaluations.add(e for e in wanted if e.key in left)
    assert evaluations.missing(e.key for e in wanted) == []


def test_another_value_of_anything_is_another_key(evaluations: Evaluations) -> None:
    made = make_evaluation(3)
    evaluations.add([made])
    swapped = dict(reversed(made.key.items()))
    assert evaluations.missing([swapped]) == []
    for change in (
        {"spread": 0.25},
        {"spread": math.nextafter(0.5, 1)},
        {"trials": [50, 100]},
        {"point": {"seed": 3, "line": 0.0}},
        {"mix": 0.5},
    ):
        assert evaluations.missing([{**made.key, **change}]) == [{**made.key, **change}]
    # The same slice, evaluated at another spread.
    evaluations.add([Evaluation({**made.key, "spread": 0.25}, {"cost": [1.0]})])
    assert [key["spread"] for key in evaluations.keys({"step": made.key["step"]})] == [0.5, 0.25]


def test_keys_by_a_part_of_them(evaluations: Evaluations) -> None:
    evaluations.add(make_evaluation(i, trials=1) for i in range(30))
    line = evaluations.keys({"point": {"line": 1, "seed": 3}})
    assert line == [make_evaluation(i, trials=1).key for i in range(10, 20)]
    assert evaluations.keys({"point": {"line": 1, "seed": 3}, "step": 0.1}) == [make_evaluation(11, trials=1).key]
    assert evaluations.keys({"step": 0}) == []  # 0.0 is another value
    assert evaluations.keys({"mix": None}) == []
    with pytest.raises(TypeError, match=r"a key's part\['step'\] must be plain data"):
        evaluations.keys({"step": print})


@pytest.mark.parametrize(
    ("key", "results", "kind", "message"),
    [
        ({"a": 1}, {}, ValueError, r'Results of {"a":1} must be one number a trial of each name, but {} were given'),
        ({"a": 1}, {"x": []}, ValueError, r"but {'x': 0} were given"),
        ({"a": 1}, {"x": [1.0], "y": [1.0, 2.0]}, ValueError, r"but {'x': 1, 'y': 2} were given"),
        ({"a": 1}, {"x": ["1"]}, TypeError, r"""results 'x' of {"a":1} must be numbers, but '1' \(str\)"""),
        ({"a": 1}, {"x\n": [1.0]}, ValueError, "a result's name of"),
        ({"a": print}, {"x": [1.0]}, TypeError, r"an evaluation's key\['a'\] must be plain data .*Convert it"),
        ({"a": [1, {"b": math.nan}]}, {"x": [1.0]}, ValueError, r"key\['a'\]\[1\]\['b'\] is NaN, .*Give None instead"),
        ({"a": np.float32("nan")}, {"x": [1.0]}, ValueError, r"key\['a'\] is NaN"),
        ({"a": {1: 2}}, {"x": [1.0]}, TypeError, r"key\['a'\] has the key 1, which is no text. Write it as one: '1'"),
        ({"a": np.arange(2)}, {"x": [1.0]}, TypeError, r"key\['a'\] must be plain data .* an array by \.tolist\(\)"),
        ({"a": 1}, {"x": 2.0}, TypeError, r"results 'x' of {\"a\":1} must be a list, .* but 2\.0 .* \[2\.0\]"),
        ({"a": 1}, [2.0], TypeError, r"Results of {\"a\":1} must be a mapping by name, but \[2\.0\] was given"),
        ([1], {"x": [1.0]}, TypeError, r"an evaluation's key must be a mapping, but \[1\]"),
    ],
)
def test_a_wrong_one_is_refused_and_none_is_taken(
    evaluations: Evaluations, key: Any, results: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        evaluations.add([make_evaluation(1), Evaluation(key, results)])
    assert evaluations.keys() == []


def test_one_where_several_are_wanted_is_said(evaluations: Evaluations) -> None:
    for ask in (evaluations.read, evaluations.missing):
        with pytest.raises(
            TypeError, match=r"A list of keys is wanted, but one key was given: {'x': 1}\. Write \[key\]"
        ):
            ask({"x": 1})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"add takes a list of evaluations, but one was given: .* Write \[evaluation\]"):
        evaluations.add(make_evaluation(1))  # type: ignore[arg-type]


def test_numpys_numbers_are_pythons(evaluations: Evaluations) -> None:
    given = {"n": np.int64(3), "x": np.float64(0.1), "y": [np.float32(0.5)], "b": np.bool_(True), "s": np.str_("σ")}
    evaluations.add([Evaluation(given, {"x": [1.0]})])
    plain = {"n": 3, "x": 0.1, "y": [0.5], "b": True, "s": "σ"}
    assert evaluations.missing([plain, given]) == []
    assert evaluations.keys({"n": np.int64(3)}) == [plain]


def test_many_are_read_by_few_queries(evaluations: Evaluations) -> None:
    made = [make_evaluation(i, trials=2) for i in range(1_200)]
    evaluations.add(made)
    asked: list[str] = []
    evaluations._store._connection.set_trace_callback(asked.append)
    assert evaluations.read(e.key for e in made) == made
    assert len([query for query in asked if query.startswith("SELECT")]) <= 8


def test_pandas_reads_them_in_one_line(evaluations: Evaluations, tmp_path: Path) -> None:
    made = [make_evaluation(i, trials=3) for i in range(2)]
    evaluations.add(made)
    table = pandas.read_sql("select * from evaluation_results", sqlite3.connect(tmp_path / "runs.sqlite"))
    assert list(table) == ["key", "name", "trial", "value"]
    first = table[(table.key.map(json.loads) == made[1].key) & (table.name == "gain")].sort_values("trial")
    assert tuple(first.value) == made[1].results["gain"]


def test_trials_that_somebody_else_removed_are_noticed(evaluations: Evaluations, tmp_path: Path) -> None:
    evaluations.add([make_evaluation(1)])
    with sqlite3.connect(tmp_path / "runs.sqlite") as other:
        other.execute("DELETE FROM trials WHERE trial = 7 AND name = 'cost'")
    other.close()
    with pytest.raises(StoreError, match=r"Results of .* are not complete"):
        evaluations.read([make_evaluation(1).key])


def add_slowly(path: Path, acknowledged: Any, order: list[int]) -> None:
    with Store(path) as store:
        for i in range(0, len(order), 5):
            Evaluations(store).add(make_evaluation(j, trials=20) for j in order[i : i + 5])
            acknowledged.send(order[i : i + 5])
            time.sleep(0.002)  # else all is added where who kills is kept waiting


def test_killed_at_any_moment_what_was_added_is_there_and_the_rest_is_added_next_time(tmp_path: Path) -> None:
    """By several processes at once, each of which is killed."""
    path, rng, n = tmp_path / "runs.sqlite", random.Random(0), 2_000
    told: set[int] = set()
    at_work = 0
    for trial in range(6):
        started = []
        for writer in range(2):
            kept, given = FORK.Pipe(duplex=False)
            order = random.Random(2 * trial + writer).sample(range(n), n)
            process = FORK.Process(target=add_slowly, args=(path, given, order))
            process.start()
            given.close()
            started.append((process, kept))
        started[0][1].poll(10)
        time.sleep(rng.uniform(0, 0.04))
        for process, kept in started:
            at_work += process.is_alive()
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            while kept.poll():
                try:
                    told.update(kept.recv())
                except EOFError:
                    break
            kept.close()
        with Store(path) as store:
            wanted = [make_evaluation(i, trials=20) for i in sorted(told)]
            assert Evaluations(store).read(e.key for e in wanted) == wanted
    assert at_work >= 8
    with Store(path) as store:
        every = [make_evaluation(i, trials=20) for i in range(n)]
        left = Evaluations(store).missing(e.key for e in every)
        assert len(told) >= 10
        assert 0 < len(left) <= n - len(told)
        Evaluations(store).add(e for e in every if e.key in left)
        assert Evaluations(store).read(e.key for e in every) == every
        assert store._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_thousands_are_added_and_found_in_time() -> None:
    """Generous bounds: 100,000 trials."""
    made = [make_evaluation(i) for i in range(1_000)]
    with Store(":memory:") as store:
        start = time.process_time()
        Evaluations(store).add(made)
        added = time.process_time()
        assert Evaluations(store).missing(e.key for e in made) == []
        missed = time.process_time()
        assert len(Evaluations(store).read(e.key for e in made)) == 1_000
        read = time.process_time()
    assert added - start < 4
    assert missed - added < 1
    assert read - missed < 4
