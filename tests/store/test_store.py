"""What is recorded is read again, bit for bit."""

import math
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

from sb3_entropy.store import Counts, Member, Store, StoreError, same_but_clock

from .examples import AWKWARD, edge_runs, make_member, make_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "runs.sqlite") as store:
        yield store


def test_every_float_returns_bit_for_bit_through_another_connection(store: Store) -> None:
    runs = edge_runs()
    store.set_members("s", [Member("s", "a", "e", i, run.run_id) for i, run in enumerate(runs)])
    assert all(store.record(run) for run in runs)
    with Store(store.path) as other:
        read = [record for _, record in other.runs("s")]
    for run, record in zip(runs, read, strict=True):
        assert record is not None
        assert same_but_clock(run, record)
        assert record.recorded == run.recorded
    awkward = read[0]
    assert awkward is not None
    assert list(map(repr, awkward.curves["up"])) == list(map(repr, AWKWARD))
    assert math.isnan(awkward.scores["s6"])


def test_a_finished_run_is_never_replaced(store: Store) -> None:
    store.set_members("study", [make_member(1)])
    assert store.record(make_run(1, writer="first"))
    before = store.content("study")
    assert not store.record(make_run(1, writer="second"))
    assert not store.record(make_run(1, "failed"))
    assert store.content("study") == before
    assert store.runs("study")[0][1].recorded["host"] == "first"  # type: ignore[union-attr]


def test_a_failed_run_is_replaced_with_all_that_belongs_to_it(store: Store) -> None:
    store.set_members("study", [make_member(1)])
    store.record(make_run(1, "failed", points=30, curves=9))
    assert store.status(["run0001"]) == {"run0001": "failed"}
    assert store.record(make_run(1, "failed", "again"))
    assert store.record(make_run(1))
    ((_, record),) = store.runs("study")
    assert record is not None
    assert same_but_clock(record, make_run(1))
    assert store._connection.execute("SELECT count(*) FROM curves").fetchone() == (20 * 8,)


def test_runs_come_in_the_order_of_the_places_and_missing_ones_too(store: Store) -> None:
    places = [make_member(i) for i in (5, 2, 9)]
    store.set_members("study", places)
    store.record_all([make_run(9), make_run(5, "failed"), make_run(77)])
    runs = store.runs("study")
    assert [member for member, _ in runs] == places == store.members("study")
    assert [record.run_id if record else None for _, record in runs] == ["run0005", None, "run0009"]
    assert store.runs("none") == store.members("none") == []


def test_without_curves(store: Store) -> None:
    store.set_members("study", [make_member(1)])
    store.record(make_run(1))
    ((_, record),) = store.runs("study", curves=False)
    assert record is not None
    assert (record.steps, record.curves) == ((), {})
    assert record.scores["final_return"] == make_run(1).scores["final_return"]


def test_one_run_in_two_places_and_two_studies(store: Store) -> None:
    store.set_members("b", [Member("b", arm, "e", 0, "run0001") for arm in ("x", "y")])
    store.set_members("a", [Member("a", "x", "e", 0, "run0001"), Member("a", "x", "e", 1, "gone")])
    store.record(make_run(1))
    assert [record is not None for _, record in store.runs("b")] == [True, True]
    assert store.studies() == {"a": Counts(1, 0, 1), "b": Counts(2, 0, 0)}


def test_counts(store: Store) -> None:
    store.set_members("study", [make_member(i) for i in range(6)])
    store.record_all([*(make_run(i) for i in range(3)), make_run(3, "failed")])
    assert store.studies() == {"study": Counts(finished=3, failed=1, missing=2)}
    store.set_members("study", [])
    assert store.studies() == {}


def test_status_of_more_runs_than_a_query_may_name(store: Store) -> None:
    store.record_all([make_run(i, "failed" if i % 3 else "finished", points=1, curves=0) for i in range(0, 1500, 7)])
    asked = [f"run{i:04d}" for i in range(3000)]
    expected = {f"run{i:04d}": "failed" if i % 3 else "finished" for i in range(0, 1500, 7)}
    assert store.status(iter(asked)) == expected
    assert store.status([]) == {}


def test_places_are_replaced_and_runs_stay(store: Store) -> None:
    store.set_members("study", [make_member(i) for i in range(3)])
    store.record(make_run(2))
    store.set_members("study", iter([make_member(7)]))
    assert store.members("study") == [make_member(7)]
    assert store.status(["run0002"]) == {"run0002": "finished"}


@pytest.mark.parametrize(
    ("members", "kind", "message"),
    [
        ([make_member(1, "other")], ValueError, "Members of study 'study' were to be set, but .* belongs to another"),
        ([make_member(1), replace(make_member(1), run_id="x")], ValueError, "'Pendulum-v1', seed 1 twice"),
        ([replace(make_member(1), arm="")], ValueError, "arm must be a text"),
        ([replace(make_member(1), environment="a\nb")], ValueError, "environment must be a text on one line"),
        ([replace(make_member(1), seed=1.5)], TypeError, "seed must be whole"),
    ],
)
def test_wrong_places_are_refused(store: Store, members: list[Member], kind: type[Exception], message: str) -> None:
    store.set_members("study", [make_member(4)])
    with pytest.raises(kind, match=message):
        store.set_members("study", members)
    assert store.members("study") == [make_member(4)]


def test_scores_computed_later(store: Store) -> None:
    store.set_members("study", [make_member(1)])
    store.record(make_run(1))
    store.set_scores("run0001", {"final_return": -0.0, "area": math.nan, "bound": math.inf})
    scores = store.runs("study")[0][1].scores  # type: ignore[union-attr]
    assert repr(scores) == "{'area': nan, 'bound': inf, 'final_return': -0.0, 'late_spread': nan}"
    with pytest.raises(StoreError, match=r"no run 'run0002'.*Record it first"):
        store.set_scores("run0002", {"a": 1.0})
    with pytest.raises(TypeError, match="score 'a'"):
        store.set_scores("run0001", {"a": "b"})  # type: ignore[dict-item]


def test_a_verdict_is_kept_with_what_it_depends_on(store: Store) -> None:
    assert store.verdict("study") is None
    store.set_verdict("study", "abc", {"outcome": "undecided", "p": [0.1, None]})
    store.set_verdict("study", "def", {"outcome": "supported"})
    assert store.verdict("study") == ("def", {"outcome": "supported"})
    assert store.verdict("other") is None


def test_the_fingerprint_changes_when_a_verdict_may(store: Store) -> None:
    seen = [store.fingerprint("study")]

    def changed() -> bool:
        seen.append(store.fingerprint("study"))
        return seen[-1] not in seen[:-1]

    store.set_members("study", [make_member(i) for i in range(2)])
    assert changed()
    store.record(make_run(0, "failed"))
    assert changed()
    store.record(make_run(0))
    assert changed()
    store.set_scores("run0000", {"area": 1.0})
    assert changed()
    store.set_scores("run0000", {"area": 2.0})
    assert changed()
    store.record(make_run(0, writer="somebody"))  # not taken
    store.record(make_run(50))  # of no study
    store.set_verdict("study", "x", {})
    assert not changed()


def test_equal_studies_have_equal_content_whatever_the_order_and_the_clock(store: Store) -> None:
    store.set_members("study", [make_member(i) for i in range(4)])
    store.record_all(make_run(i) for i in range(3))
    with Store(":memory:") as other:
        other.set_members("study", [make_member(i) for i in (3, 1, 0, 2)])
        other.record_all(replace(make_run(i), recorded={"wall_seconds": i}) for i in (2, 0, 1))
        assert other.content("study") == store.content("study")
        other.set_scores("run0001", {"final_return": math.nextafter(make_run(1).scores["final_return"], 9)})
        assert other.content("study") != store.content("study")
    lines = store.content("study").splitlines()
    assert len(lines) == 4
    assert lines[3].endswith("missing")


def test_pandas_reads_it_in_one_line(store: Store) -> None:
    store.set_members("study", [make_member(i) for i in range(3)])
    store.record_all([make_run(0), make_run(1, "failed")])
    table = pandas.read_sql("select * from results", sqlite3.connect(store.path))
    assert list(table) == ["study", "arm", "environment", "seed", "measure", "value", "status"]
    assert list(table.status) == ["finished"] * 2 + ["failed"] * 2 + ["missing"]
    assert table.value[0] == make_run(0).scores["final_return"]
    assert math.isnan(table.value[1])
    curves = pandas.read_sql("select * from learning_curves where curve = 'curve/3'", sqlite3.connect(store.path))
    wide = curves.pivot_table(index="step", columns="seed", values="value")
    assert tuple(wide[1]) == make_run(1).curves["curve/3"]


def test_curves_that_somebody_else_removed_are_noticed(store: Store) -> None:
    store.set_members("study", [make_member(1)])
    store.record(make_run(1))
    with sqlite3.connect(store.path) as other:
        other.execute("DELETE FROM curves WHERE step = 5000 AND name = 'curve/2'")
    other.close()
    with pytest.raises(StoreError, match="Curves of run 'run0001' are not complete"):
        store.runs("study")


def test_a_store_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(":memory:") as store, store.lock("study"):
        store.set_members("study", [make_member(1)])
        store.record(make_run(1))
        assert store.studies() == {"study": Counts(1, 0, 0)}
    assert not list(tmp_path.iterdir())


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.studies()


def test_closing_leaves_one_file_and_the_home_folder_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with Store("~/deep/down/runs.sqlite") as store:
        store.record(make_run(1))
        assert store.path == str(tmp_path / "deep" / "down" / "runs.sqlite")
    assert [path.name for path in (tmp_path / "deep" / "down").iterdir()] == ["runs.sqlite"]


def test_ten_thousand_runs_are_counted_and_read_in_time() -> None:
    """Generous bounds: a tenth of the runs in a tenth of the time that benchmarks allow."""
    with Store(":memory:") as store:
        store.set_members("study", [make_member(i) for i in range(1_000)])
        store.record_all(make_run(i) for i in range(1_000))
        start = time.process_time()
        assert store.studies()["study"].finished == 1_000
        counted = time.process_time()
        runs = store.runs("study")
        read = time.process_time()
    assert len(runs) == 1_000
    assert counted - start < 0.05
    assert read - counted < 0.5 + 0.5  # pandas, coverage and a busy machine included
