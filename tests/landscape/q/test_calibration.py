"""Critics beside held-out returns: what is computed, what is doubted, and what an episode that was cut lends."""

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit

from sb3_entropy.landscape.candidates.normalizing import Normalizer
from sb3_entropy.landscape.q.calibration import Calibration
from sb3_entropy.landscape.q.critics import Behaviour, Critics
from sb3_entropy.landscape.q.gathering import Played, Stage
from sb3_entropy.landscape.q.held_out import LARGEST_TAIL, N_PAIRS, HeldOut, calibration, play_held_out, steps_until
from sb3_entropy.landscape.q.transitions import Transitions


def simulated(slope: float = 1.0, shift: float = 0.0, noise: float = 0.5, apart: float = 0.1) -> Calibration:
    """Forty episodes of ten pairs, whose returns share their episode's luck; and as many pairs of uniform actions."""
    rng = np.random.default_rng(1)
    episodes = np.concatenate([np.repeat(np.arange(40), 10), 40 + np.arange(40)])
    returned = rng.normal(size=440) + rng.normal(size=80)[episodes]
    q = shift + returned / slope + noise * rng.normal(size=440)
    predicted = q + apart * rng.normal(size=(3, 440))
    return Calibration(predicted, returned, episodes >= 40, episodes)


def test_each_number_is_its_formula_and_intervals_are_of_episodes() -> None:
    for which in (False, True):
        one = simulated()
        found = one.agreement(which)
        assert found is not None
        own = one.random_first == which
        q, g = one.predicted[:, own].mean(axis=0), one.returned[own]
        assert found.bias.value == pytest.approx((q - g).mean())
        assert found.rmse.value == pytest.approx(np.sqrt(((q - g) ** 2).mean()))
        assert found.slope.value == pytest.approx(np.polyfit(q, g, 1)[0])
        assert found.correlation.value == pytest.approx(np.corrcoef(q, g)[0, 1])
        assert found.spread == pytest.approx(0.1, rel=0.15)
        assert (found.n, found.n_episodes) == ((40 if which else 400), 40)
        for each in (found.bias, found.rmse, found.slope, found.correlation):
            assert each.low < each.value < each.high
        assert found.doubts() == []
    # Errors that an episode shares widen the interval, as if it were one pair and not ten.
    shared = np.random.default_rng(0).normal(size=80)[one.episodes]
    alike = replace(one, predicted=(one.returned + shared)[None])
    wide = alike.agreement(False)
    assert wide is not None
    half = (wide.bias.high - wide.bias.low) / 2
    assert half == pytest.approx(2.0 * shared[~one.random_first].std() / np.sqrt(40), rel=0.25)
    assert np.isnan(wide.spread)


@pytest.mark.parametrize(
    ("of", "doubt"),
    [
        ({"slope": 0.2}, "Q differs more than returns do (slope 0.2"),
        (
            {"slope": 4.0, "noise": 0.01, "apart": 0.01},
            "Q differs less than returns do (slope 4)",
        ),
        ({"noise": 50.0}, "Q and returns may be unrelated: the interval of their correlation holds 0"),
        ({"apart": 2.0}, "critics that were made independently differ by"),
        ({"shift": 3.0}, "Q is above returns by"),
        ({"shift": -3.0}, "Q is below returns by"),
    ],
    ids=str,
)
def test_doubts_say_what_is_wrong(of: dict[str, float], doubt: str) -> None:
    said = simulated(**of).sentences()[-1]
    assert said.startswith("Distrust these critics: of the policy's own actions, ")
    assert doubt in said


def test_sentences_without_doubts_without_pairs_and_without_variance() -> None:
    said = simulated().sentences()
    assert said[0].startswith("Of the policy's own actions (400 pairs in 40 held-out episodes): Q − return ")
    assert said[1].startswith("Of uniformly drawn actions (40 pairs in 40 held-out episodes): ")
    assert said[-1] == "Nothing here speaks against these critics, where their data are."
    one = simulated()
    own = ~one.random_first
    few = Calibration(one.predicted[:, own], one.returned[own], one.random_first[own], one.episodes[own])
    assert few.agreement(True) is None
    assert "nothing is known of uniformly drawn actions" in few.sentences()[-1]
    same = replace(one, returned=np.ones(440)).sentences()
    assert "nothing can be said of their differences" in same[-1]
    lent = replace(one, borrowed=np.full(440, 0.25)).sentences()
    assert "25 % of the weight of a return is, on average, the critics' own estimate" in lent[2]


class Constant(Critics):
    n_critics = 2  # type: ignore[assignment]

    def values(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        return np.stack([np.full(actions.shape[:2], 10.0), np.full(actions.shape[:2], 30.0)])

    def gradients(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class Zero(Behaviour):
    def sample(self, observations: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(observations), 1)), np.full(len(observations), np.nan)

    def mode(self, observations: Any) -> np.ndarray:
        raise NotImplementedError

    def log_prob(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def test_an_episode_that_was_cut_borrows_its_end_and_one_that_ended_does_not() -> None:
    gamma, lengths = 0.9, [20, 5, 100]
    episodes = np.repeat([0, 1, 2], lengths)
    n = len(episodes)
    terminated = np.zeros(n, dtype=bool)
    terminated[24] = True  # of the second episode alone
    own = Transitions(np.zeros((n, 1)), np.zeros((n, 1)), np.ones(n), np.zeros((n, 1)), terminated, episodes)
    uniform = np.zeros(n, dtype=bool)
    uniform[[3, 19, 22]] = True  # the second of them is a step before a cut
    steps = np.concatenate([np.arange(length) for length in lengths])
    held = HeldOut(Played(own, steps, uniform & False), Played(own, steps, uniform), None)
    found = calibration(Constant(0.0), Zero(1), held, gamma, seed=0)
    assert found.borrowed is not None
    assert found.borrowed.max() <= LARGEST_TAIL
    assert np.bincount(found.episodes).tolist() == [14, 5, N_PAIRS, 1, 1]  # 0.9⁷ < 1/2 < 0.9⁶
    assert found.random_first.tolist() == [False] * (14 + 5 + N_PAIRS) + [True] * 2
    left = np.concatenate([20 - np.arange(14), 5 - np.arange(5)])
    sums = (1 - gamma**left) / (1 - gamma)
    lent = np.where(np.arange(19) < 14, gamma**left, 0)
    assert np.allclose(found.borrowed[:19], lent)
    assert np.allclose(found.returned[:19], sums + 20 * lent)  # 20 is the critics' mean
    assert np.allclose(found.returned[-2:], [(1 - gamma**17) / 0.1 + 20 * gamma**17, (1 - gamma**3) / 0.1])
    assert np.allclose(found.predicted, [[10.0], [30.0]])
    limited = calibration(Constant(0.0), Zero(1), replace(held, limit=4), gamma, seed=0)
    assert np.bincount(limited.episodes).tolist() == [4, 4, 4, 1, 1]
    assert np.allclose(limited.returned[:4], found.returned[:4])
    few = Played(own.rows(slice(0, 5)), np.arange(5), uniform[:5])
    nothing = calibration(Constant(0.0), Zero(1), HeldOut(few, few, None), gamma=1.0, seed=0)
    assert nothing.returned.shape == (0,)
    assert "nothing is known of the policy's own actions" in nothing.sentences()[-1]


def test_the_interval_of_a_correlation_is_one_of_correlations() -> None:
    """Of few episodes a bootstrap goes beyond 1."""
    beyond = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        returned = rng.normal(size=8)
        predicted = np.tile(returned + rng.normal(size=8), (2, 1))
        found = Calibration(predicted, returned, np.full(8, True), np.arange(8)).agreement(True)
        assert found is not None
        assert -1 <= found.correlation.low <= found.correlation.value <= found.correlation.high <= 1
        beyond.append(found.correlation.high == 1)
    assert any(beyond)


class Walk(gym.Env[Any, Any]):
    """Pays 1 a step, and ends after seven of them where the first action was below 0."""

    observation_space, action_space = spaces.Box(-1, 9e9, (1,)), spaces.Box(-1, 1, (1,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> Any:
        self.ends = action[0] < 0 if self.t == 0 else self.ends
        self.t += 1
        return np.full(1, self.t, np.float32), 1.0, self.ends and self.t == 7, False, {}


def test_held_out_episodes_go_on_beyond_a_time_limit_and_visited_states_do_not() -> None:
    gamma = 0.9
    space = (Walk.observation_space, Walk.action_space)
    stage = Stage(lambda: TimeLimit(Walk(), 10), Zero(1), *space, Normalizer.none())
    held = play_held_out(stage, episodes=30, gamma=gamma, seed=0)
    assert held.limit == 10
    assert held.visited.starts().tolist() == list(range(0, 301, 10))
    assert (np.diff(held.own.transitions.starts()) == 10 + steps_until(gamma, 0.05)).all()
    moments = held.once.steps[held.once.uniform]
    assert 50 <= len(moments) <= 60
    assert moments.max() < 10
    assert len(np.unique(moments)) == 10
    found = calibration(Constant(0.0), Zero(1), held, gamma, seed=0)
    assert found.borrowed is not None
    assert found.borrowed.max() < 0.05
    # what is lent is worth 20, and what follows 1/(1 − γ) = 10
    lent = found.returned[found.borrowed > 0] - 20 * found.borrowed[found.borrowed > 0]
    assert np.allclose(lent, 10 * (1 - found.borrowed[found.borrowed > 0]))
    assert stage.play(0, episodes=1).steps.tolist() == list(range(10))  # the limit is as it was


@pytest.mark.parametrize(("gamma", "steps"), [(0.9, 29), (0.99, 299), (0.9999, 1000), (1.0, 0), (0.0, 1)])
def test_how_long_is_long_enough(gamma: float, steps: int) -> None:
    assert steps_until(gamma, 0.05) == steps
    assert gamma**steps <= 0.05 or steps in (0, 1000)
