"""Several processes, and processes that are killed."""

import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from sb3_entropy.store import Store, StoreError, same_but_clock

from .examples import make_member, make_run

FORK = multiprocessing.get_context("fork")
N = 60


def integrity(path: Path) -> list[tuple[str]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall()
    finally:
        connection.close()


def record_all_slowly(path: Path, acknowledged: Any, order: list[int], writer: str) -> None:
    with Store(path) as store:
        for i in order:
            taken = store.record(make_run(i, writer=writer))
            acknowledged.send((i, taken))


def received(connection: Any) -> list[tuple[int, bool]]:
    found = []
    while connection.poll():
        try:
            found.append(connection.recv())
        except EOFError:
            break
    return found


def test_killed_at_any_moment_the_store_is_sound_and_what_was_recorded_is_there(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    rng = random.Random(0)
    at_work = 0
    for trial in range(12):
        kept, given = FORK.Pipe(duplex=False)
        order = random.Random(trial).sample(range(N * 10), N * 10)
        process = FORK.Process(target=record_all_slowly, args=(path, given, order, "one"))
        process.start()
        given.close()
        if trial:  # the first one may be killed while it makes the tables
            kept.poll(10)
        time.sleep(rng.uniform(0, 0.04))
        at_work += process.is_alive()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        told = [i for i, _ in received(kept)]
        kept.close()
        finished = {f"run{i:04d}": "finished" for i in told}
        copy = tmp_path / "copies" / f"{trial}.sqlite"
        copy.parent.mkdir(exist_ok=True)
        if path.exists():
            shutil.copy(path, copy)  # without what stands beside it
            try:
                with Store(copy) as store:
                    assert store.status(finished) == finished
            except StoreError as error:
                assert "in the middle of a recording" in str(error)  # noqa: PT017
        with Store(path) as store:
            assert store.status(finished) == finished
    assert at_work >= 8
    with Store(path) as store:
        store.set_members("study", [make_member(i) for i in range(N * 10)])
        present = [record for _, record in store.runs("study") if record is not None]
        assert len(present) > 8
        assert all(same_but_clock(record, make_run(int(record.run_id[3:]), writer="one")) for record in present)
    assert integrity(path) == [("ok",)]


def test_two_processes_at_once_give_one_sound_store(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    started = []
    for writer, order in (("one", range(N)), ("two", range(N - 1, -1, -1)), ("three", range(0, N, 2))):
        kept, given = FORK.Pipe(duplex=False)
        process = FORK.Process(target=record_all_slowly, args=(path, given, list(order), writer))
        process.start()
        given.close()
        started.append((writer, process, kept))
    taken: dict[int, str] = {}
    for writer, process, kept in started:
        while True:
            try:
                i, was_taken = kept.recv()
            except EOFError:
                break
            if was_taken:
                assert i not in taken
                taken[i] = writer
        process.join(30)
        assert process.exitcode == 0
    assert sorted(taken) == list(range(N))
    with Store(path) as store:
        store.set_members("study", [make_member(i) for i in range(N)])
        for i, (_, record) in enumerate(store.runs("study")):
            assert record is not None
            assert record.recorded["host"] == taken[i]
            assert same_but_clock(record, make_run(i, writer=taken[i]))
    assert integrity(path) == [("ok",)]


def open_and_record(path: Path, barrier: Any, i: int) -> None:
    barrier.wait(10)
    with Store(path) as store:
        store.record(make_run(i))


def test_several_processes_make_one_store_at_the_same_moment(tmp_path: Path) -> None:
    for attempt in range(3):
        path = tmp_path / f"{attempt}.sqlite"
        barrier = FORK.Barrier(6)
        processes = [FORK.Process(target=open_and_record, args=(path, barrier, i)) for i in range(6)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(30)
        assert [process.exitcode for process in processes] == [0] * 6
        with Store(path) as store:
            assert len(store.status(f"run{i:04d}" for i in range(6))) == 6


def hold(path: Path, study: str, told: Any) -> None:
    with Store(path) as store, store.lock(study):
        told.send("held")
        time.sleep(60)


def test_two_runners_of_one_study_are_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    kept, given = FORK.Pipe(duplex=False)
    process = FORK.Process(target=hold, args=(path, "liu2020", given))
    process.start()
    try:
        assert kept.recv() == "held"
        with Store(path) as store:
            expected = (
                rf"Study 'liu2020' is being run on the store .*runs\.sqlite already, by process {process.pid} on "
            )
            with pytest.raises(StoreError, match=expected), store.lock("liu2020"):
                pytest.fail("two runners")
            with store.lock("another study"), store.lock("another/study"):
                store.record(make_run(1))
            with Store(tmp_path / "other.sqlite") as other, other.lock("liu2020"):
                pass
            os.kill(process.pid, signal.SIGKILL)  # type: ignore[arg-type]
            process.join()
            with store.lock("liu2020"):
                pass
    finally:
        process.kill()
        process.join()


def test_a_lock_in_one_process_ends_with_its_block_even_by_an_error(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.sqlite") as store, Store(tmp_path / "runs.sqlite") as other:
        with store.lock("study"), pytest.raises(StoreError, match=f"by process {os.getpid()} on"), other.lock("study"):
            pytest.fail("two runners")
        with pytest.raises(ZeroDivisionError), store.lock("study"):
            raise ZeroDivisionError
        with other.lock("study"):
            for owner in (tmp_path / "runs.sqlite.locks").glob("*.owner"):
                owner.write_text("[]")  # as an interrupted writer may leave it
            with pytest.raises(StoreError, match="already, by another process"), store.lock("study"):
                pytest.fail("two runners")


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.sqlite") as store:
        (tmp_path / "runs.sqlite.locks").write_text("in the way")
        with pytest.raises(StoreError, match="Study 'study' cannot be locked on the store"), store.lock("study"):
            pytest.fail("no lock")


def test_a_link_to_a_store_is_the_store(tmp_path: Path) -> None:
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "runs.sqlite")
    with Store(tmp_path / "runs.sqlite") as store, Store(tmp_path / "link.sqlite") as link:
        assert link.path == store.path
        with store.lock("study"), pytest.raises(StoreError, match="already"), link.lock("study"):
            pytest.fail("two runners")
