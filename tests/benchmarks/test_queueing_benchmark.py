"""
The queueing model of actors and a learner, against closed forms and a second algorithm.

The simulations' seeds are fixed. What is random in them is compared within four standard errors or more, so that a
right simulation failed for less than one seed in ten thousand.
"""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.actors.events import Clock, Cores
from benchmarks.actors.load import ZERO, Constant, Exponential, Load, Measured, Times
from benchmarks.actors.network import Station, mean_values
from benchmarks.actors.queueing import knee, main, mean_lag, stations, throughput_bound
from benchmarks.actors.simulation import simulate

THINKING, LEARNING, RATIO = 0.103, 0.017, Fraction(17, 103)


def repairman(n: int, servers: int) -> tuple[float, float]:
    """M/M/c//n in its closed form, birth and death: the throughput, and how many are at the servers."""
    weights = [Fraction(1)]
    for m in range(1, n + 1):
        weights.append(weights[-1] * (n - m + 1) * RATIO / min(m, servers))
    served = sum(weight * min(m, servers) for m, weight in enumerate(weights)) / sum(weights)
    present = sum(weight * m for m, weight in enumerate(weights)) / sum(weights)
    return float(served) / LEARNING, float(present)


@pytest.mark.parametrize("n", [1, 2, 5, 20, 200])
@pytest.mark.parametrize("servers", [1, 3])
def test_mean_values_are_those_of_the_machine_repairman(n: int, servers: int) -> None:
    found = mean_values([Station("thinking", THINKING, None), Station("learner", LEARNING, servers)], n)
    throughput, length = repairman(n, servers)
    assert found.throughput == pytest.approx(throughput, rel=1e-9)
    assert found.lengths["learner"] == pytest.approx(length, rel=1e-9)
    assert sum(found.lengths.values()) == pytest.approx(n)


def test_with_one_server_the_closed_form_is_erlangs() -> None:
    n = 6
    idle = float(1 / sum(math.perm(n, m) * RATIO**m for m in range(n + 1)))
    assert repairman(n, 1)[0] == pytest.approx((1 - idle) / LEARNING)


def test_mean_values_are_those_of_mean_value_analysis() -> None:
    demands, thinking, n = {"down": 0.004, "up": 0.009, "learner": 0.013}, 0.05, 17
    lengths = dict.fromkeys(demands, 0.0)
    for m in range(1, n + 1):
        times = {name: demand * (1 + lengths[name]) for name, demand in demands.items()}
        throughput = m / (thinking + sum(times.values()))
        lengths = {name: throughput * time for name, time in times.items()}
    network = [Station(name, demand) for name, demand in demands.items()]
    found = mean_values([*network, Station("thinking", thinking, None)], n)
    assert found.throughput == pytest.approx(throughput)
    assert {name: found.lengths[name] for name in demands} == pytest.approx(lengths)


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_no_more_than_the_bound_which_is_reached_at_both_ends(cores: int) -> None:
    load = Load(Constant(0.005), Constant(0.0004), Constant(0.001), Constant(0.002), up=0.0005, cores=cores)
    for n in (1, 2, 7, 30, 200):
        bound = throughput_bound(load, n)
        assert mean_values(stations(load, n), n).throughput <= bound * (1 + 1e-9)
    assert throughput_bound(load, 1) == pytest.approx(mean_values(stations(load, 1), 1).throughput)
    assert throughput_bound(load, 200) == pytest.approx(mean_values(stations(load, 200), 300).throughput, rel=1e-3)
    meeting = knee(load)
    assert throughput_bound(load, 200) == pytest.approx(meeting / load.round)


def test_the_knee_is_a_round_in_units_of_what_limits_it() -> None:
    learner = Load(Constant(0.01), fragment=Constant(0.004), update=Constant(0.012), n_steps=10, n_fragments=2)
    assert knee(learner) == pytest.approx((0.1 + 0.010) / 0.010)
    shared = Load(compute=Constant(0.01), update=Constant(0.02), n_steps=8, cores=2, learner_apart=False)
    assert knee(shared) == pytest.approx(0.1 / (0.1 / 2)), "two cores do the work of two actors, the learner's with it"
    apart = Load(compute=Constant(0.01), update=Constant(0.02), n_steps=8, cores=2)
    assert knee(apart) == pytest.approx(0.1 / (0.08 / 2))
    growing = Load(compute=Constant(0.01), update=Constant(0.02), n_steps=8, cores=2, actors_per_machine=2)
    assert knee(growing) == pytest.approx(0.1 / 0.02), "machines that come with their actors do not limit them"
    assert knee(Load(wait=Constant(1.0))) == math.inf


@pytest.mark.parametrize("wait", [Exponential(0.01), Constant(0.01), Measured((0.002, 0.018))])
@pytest.mark.parametrize("n", [2, 8])
def test_simulations_agree_with_mean_values_whatever_the_waits_are(wait: Times, n: int) -> None:
    load = Load(wait, update=Exponential(0.01), n_steps=5)
    exact = mean_values(stations(load, n), n)
    found = simulate(load, n, 4000, seed=3)
    # The standard error of 4000 exponential services is 1.6 %; waits between them only average it.
    assert found.frames_per_s == pytest.approx(5 * exact.throughput, rel=0.065)
    assert found.utilisation == pytest.approx(exact.throughput * 0.01, rel=0.065)


def test_shared_cores_agree_with_mean_values_though_their_work_is_not_exponential() -> None:
    load = Load(Constant(0.004), Constant(0.003), update=Exponential(0.001), n_steps=3, cores=2)
    exact = mean_values(stations(load, 6), 6)
    assert exact.throughput < 0.95 * throughput_bound(load, 6), "they are in each other's way"
    found = simulate(load, 6, 3000, seed=4)
    assert found.frames_per_s == pytest.approx(3 * exact.throughput, rel=0.065)


def test_without_chance_a_simulation_is_the_bound() -> None:
    load = Load(Constant(0.005), ZERO, Constant(0.001), Constant(0.003), Constant(0.002), n_steps=4, n_envs=3)
    for n in (1, 3, 6, 7, 20):
        found = simulate(load, n, 300, warm_up=100)
        assert found.frames_per_s == pytest.approx(12 * throughput_bound(load, n), rel=0.01)
    assert found.utilisation == pytest.approx(1)


def test_a_learner_on_the_actors_core_takes_its_time_from_them() -> None:
    load = Load(compute=Constant(0.002), update=Constant(0.01), n_steps=5, cores=1, learner_apart=False)
    assert simulate(load, 3, 300).frames_per_s == pytest.approx(5 / 0.02, rel=0.01)
    assert throughput_bound(load, 3) == pytest.approx(1 / 0.02)


@pytest.mark.parametrize("direction", ["down", "up"])
def test_the_link_limits(direction: str) -> None:
    load = Load(Constant(0.001), n_steps=2, **{direction: 0.01})  # type: ignore[arg-type]
    assert simulate(load, 4, 200).frames_per_s == pytest.approx(2 / 0.01)


def test_who_waits_for_all_waits_for_the_slowest() -> None:
    n, load = 4, Load(Exponential(0.01), n_steps=1, n_fragments=4)
    longest = 0.01 * sum(1 / m for m in range(1, n + 1))
    # The relative standard deviation of the longest of 4 is 0.57, of the mean of 2000 rounds 1.3 %.
    assert simulate(load, n, 2000, seed=5).frames_per_s == pytest.approx(n / longest, rel=0.055)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (7, 1), (6, 2), (7, 3), (4, 4)])
def test_the_mean_lag_does_not_depend_on_the_times(n: int, k: int) -> None:
    for wait in (Exponential(0.01), Constant(0.01), Measured((0.0, 0.0, 0.1))):
        load = Load(wait, update=Exponential(0.003), n_steps=2, n_fragments=k)
        found = simulate(load, n, 600, seed=6)
        # Only what is under way at the two ends is counted for one of them.
        assert found.mean_lag == pytest.approx(mean_lag(load, n), abs=n**2 / 600)
        assert (found.lags.total(), found.dropped) == (600 * k, 0)


def test_lags_spread_with_the_times_only() -> None:
    constant = Load(Constant(0.01), update=Constant(0.001), n_steps=2)
    assert set(simulate(constant, 5, 200).lags) == {4}
    exponential = simulate(Load(Exponential(0.01), update=Constant(0.001), n_steps=2), 5, 1000)
    assert exponential.lag_quantile(0.0) < 4 < exponential.lag_quantile(0.95)
    assert exponential.lag_quantile(1.0) == max(exponential.lags)


def test_old_fragments_are_dropped() -> None:
    load = Load(Exponential(0.01), update=Constant(0.004), n_steps=2)
    free, strict = simulate(load, 6, 1000), simulate(load, 6, 1000, max_lag=5)
    assert max(free.lags) > 5
    assert max(strict.lags) == 5
    assert 0 < strict.dropped < 0.5
    assert strict.frames_per_s < free.frames_per_s


def test_tasks_on_a_core_share_it() -> None:
    clock = Clock()
    done: list[tuple[str, float]] = []
    cores = Cores(clock, 2)
    for name, seconds in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        cores.work(seconds, lambda name: done.append((name, clock.now)), name)
    clock.at(0.75, cores.work, 0.5, lambda: done.append(("d", clock.now)))
    while len(done) < 4:
        clock.advance()
    # Three at 2/3 until 0.75: all have advanced 0.5. Four at 1/2 until 1.75: a and d are through; then each has a core.
    assert done == [("a", 1.75), ("d", 1.75), ("b", 2.75), ("c", 3.75)]


def test_simulations_are_reproducible() -> None:
    load = Load(Exponential(0.01), Exponential(0.002), update=Exponential(0.004), n_steps=2, actors_per_machine=2)
    assert simulate(load, 4, 50, seed=1) == simulate(load, 4, 50, seed=1)
    assert simulate(load, 4, 50, seed=1) != simulate(load, 4, 50, seed=2)


@pytest.mark.parametrize("times", [Constant(0.3), Exponential(0.3), Measured((0.1, 0.1, 0.7))])
def test_times_have_their_mean(times: Times) -> None:
    drawn = times.draw(20_000, np.random.default_rng(0))
    assert drawn.shape == (20_000,)
    assert drawn.mean() == pytest.approx(times.mean, abs=4 * 0.3 / 20_000**0.5)


def test_what_makes_no_load_is_an_error() -> None:
    with pytest.raises(ValueError, match="takes no time at all"):
        Load()
    with pytest.raises(ValueError, match="n_steps"):
        Load(Constant(1.0), n_steps=0)
    with pytest.raises(ValueError, match="at least one time"):
        Measured(())
    with pytest.raises(ValueError, match="none negative"):
        Measured((1.0, -1.0))
    with pytest.raises(ValueError, match="seconds"):
        Constant(-1.0)
    with pytest.raises(ValueError, match="seconds"):
        Exponential(math.inf)
    with pytest.raises(ValueError, match=r"2 actors never have the 3 fragments .* at least n_fragments"):
        simulate(Load(Constant(1.0), n_fragments=3), 2)


def test_the_table_has_a_row_a_number_of_actors(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    times = ["--wait", "5", "--compute", "0", "--fragment", "1", "--update", "2", "--latency", "0", "--updates", "100"]
    assert main([*times, "--actors", "1", "8", "64"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[2] == "| 1 | 1 | 194 | 194 | 194 | 3% | 0.0 | 0 | 0.0% |"
    assert printed[3].startswith("| 8 | 1 | 1553 | 15")
    assert printed[4].startswith("| 64 | 1 | 6667 | 6667 | 6667 | 100% | 63.0 | 63 |")
    assert printed[-1] == "The knee is at 34.3 actors."
    file = tmp_path / "waits.json"
    file.write_text(json.dumps([0.004, 0.006]))
    assert main([*times, "--actors", "1", "2", "4", "--waits", str(file), "--n-fragments", "4"]) == 0
    assert [row.split()[1] for row in capsys.readouterr().out.splitlines()[2:-2]] == ["4"]
