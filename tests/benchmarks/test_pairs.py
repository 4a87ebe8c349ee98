"""The alternation of contestants, with contestants whose time is counted and not measured."""

import gc
import itertools
import random
from collections.abc import Callable
from inspect import signature
from types import SimpleNamespace

import pytest

from benchmarks.timing import pairs
from benchmarks.timing.cells import N_ENVS, Cell, cells, compared
from benchmarks.timing.pairs import Rounds, orders, time_rounds


def test_every_second_order_is_the_reverse_of_the_one_before() -> None:
    drawn = list(itertools.islice(orders(["a", "b", "c"], random.Random(0)), 40))
    assert all(second == first[::-1] for first, second in zip(drawn[::2], drawn[1::2], strict=True))
    assert len({tuple(order) for order in drawn}) == 6, "all orders occur"


class Clock:
    """A clock that moves only when a contestant runs, and slower and slower: the machine drifts."""

    def __init__(self) -> None:
        self.now = 0.0
        self.runs: list[tuple[str, int, bool]] = []

    def contestant(self, name: str, seconds: float) -> Callable[[int], Callable[[], None]]:
        def prepare(seed: int) -> Callable[[], None]:
            def run() -> None:
                self.runs.append((name, seed, gc.isenabled()))
                self.now += seconds * (1 + 0.01 * len(self.runs))

            return run

        return prepare


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    clocks = SimpleNamespace(perf_counter=lambda: made.now, process_time=lambda: made.now)
    monkeypatch.setattr(pairs, "time", clocks)
    monkeypatch.setattr(pairs.gc, "collect", lambda: 0)  # slow beside torch
    return made


def test_rounds_are_paired_by_seed_after_a_warm_up(clock: Clock) -> None:
    times = time_rounds({"a": clock.contestant("a", 1.0), "b": clock.contestant("b", 2.0)}, rounds=4)
    assert [name for name, _, _ in clock.runs[:2]] == ["a", "b"]
    for number, (first, second) in enumerate(zip(clock.runs[2::2], clock.runs[3::2], strict=True), start=1):
        assert {first[0], second[0]} == {"a", "b"}
        assert first[1] == second[1] == number
    assert not any(collecting for _, _, collecting in clock.runs[2:]), "no garbage is collected in the timed part"
    assert gc.isenabled()
    assert len(times.wall["a"]) == len(times.cpu["b"]) == 4


def test_drift_cancels_in_the_mean_of_two_rounds(clock: Clock) -> None:
    times = time_rounds({"a": clock.contestant("a", 1.0), "b": clock.contestant("b", 1.0)}, rounds=8)
    a, b = times.wall["a"], times.wall["b"]
    for index in range(0, 8, 2):
        assert a[index] != pytest.approx(b[index], abs=1e-6), "a single round is biased by the drift"
        assert sum(a[index : index + 2]) == pytest.approx(sum(b[index : index + 2]))


def test_ratios_are_round_by_round() -> None:
    assert Rounds(wall={"a": [2.0, 3.0], "b": [1.0, 6.0]}).ratios("a", "b") == [2.0, 0.5]


def test_cells_are_every_combination() -> None:
    everything = cells(None, None, None)
    assert len(everything) == len(set(everything)) == 4 * len(compared())
    assert cells(["sppo"], ["Pendulum-v1"], [8]) == [Cell("sppo", "Pendulum-v1", 8)]


@pytest.mark.parametrize("algorithm", compared())
@pytest.mark.parametrize("n_envs", N_ENVS)
def test_steps_are_whole_rollouts_of_ours_and_of_its_parent(algorithm: str, n_envs: int) -> None:
    cell = Cell(algorithm, "Pendulum-v1", n_envs)
    ours, parent = cell.run(ours=True).load(), cell.run(ours=False).load()
    assert issubclass(ours, parent)
    assert cell.steps % (signature(parent).parameters["n_steps"].default * n_envs) == 0
    assert 4000 <= cell.steps / (4 if n_envs == 8 else 1) <= 6144
