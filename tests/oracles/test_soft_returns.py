"""
Soft returns and advantages (Liu et al. 2020, Eqs. 33–37) against plain loops in float64 over a tape of what the
environments did: rewards and observations come from the tape, entropies and values from the weights by NumPy and SciPy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from contracts.pairs import combinations
from gymnasium import spaces
from scipy import special

from oracles import recomputed
from oracles.algorithms import EVERY, accepted
from oracles.recomputed import TERMINATED, TRUNCATED, AtRolloutEnd, Episode, Weights, categorical_entropy, tapes
from sb3_entropy import SPG, SPPO
from sb3_entropy.algorithms.on_policy.episodes import finished, quotas

pytestmark = pytest.mark.filterwarnings("ignore:.*density lies outside the action box")

GAMMA = 0.93
DICT = spaces.Dict({"b": spaces.Box(-1, 2, (2, 2)), "a": spaces.Box(-1, 2, (1,))})
BOX = spaces.Box(np.float32([-1, 0]), np.float32([3, 0.5]))


@dataclass
class Case:
    """A kind of policy, and its entropy by hand."""

    action_space: spaces.Space
    entropy: Callable[[Weights, Any], float]
    observation_space: spaces.Space | None = None
    policy_kwargs: dict[str, Any] | None = None


def multi_discrete_entropy(weights: Weights, observation: Any) -> float:
    logits = weights.head(observation)
    return categorical_entropy(logits[:2]) + categorical_entropy(logits[2:])


def multi_binary_entropy(weights: Weights, observation: Any) -> float:
    on = special.expit(weights.head(observation))
    return float((special.entr(on) + special.entr(1 - on)).sum())


def gaussian_entropy(weights: Weights, observation: Any) -> float:
    log_std = weights.state["log_std"] + 0.8 * weights.local_increment(observation)
    return float((0.5 * np.log(2 * np.pi * np.e) + log_std).sum())


def global_gaussian_entropy(weights: Weights, observation: Any) -> float:
    return float((0.5 * np.log(2 * np.pi * np.e) + weights.state["log_std"]).sum())


def beta_entropy(weights: Weights, observation: Any) -> float:
    a, b = np.split(1 + np.logaddexp(0, weights.head(observation)), 2)
    both = (a + b - 2) * special.psi(a + b) - (a - 1) * special.psi(a) - (b - 1) * special.psi(b)
    return float((special.betaln(a, b) + both + np.log([4, 0.5])).sum())


CASES = {
    "discrete": Case(spaces.Discrete(3), lambda weights, obs: categorical_entropy(weights.head(obs))),
    "discrete, Dict": Case(spaces.Discrete(3), lambda weights, obs: categorical_entropy(weights.head(obs)), DICT),
    "multi-discrete": Case(spaces.MultiDiscrete([2, 4]), multi_discrete_entropy),
    "multi-binary": Case(spaces.MultiBinary(3), multi_binary_entropy),
    "gaussian": Case(BOX, global_gaussian_entropy),
    "gaussian, local": Case(
        BOX, gaussian_entropy, policy_kwargs={"std_scheme": "global_local", "std_scheme_kwargs": {"delta": 0.8}}
    ),
    "gaussian, local, Dict": Case(
        BOX, gaussian_entropy, DICT, {"std_scheme": "global_local", "std_scheme_kwargs": {"delta": 0.8}}
    ),
    "beta": Case(BOX, beta_entropy, policy_kwargs={"action_distribution": "beta"}),
}


def build(algorithm: type, case: Case, n_envs: int, **kwargs: Any) -> Any:
    env = recomputed.tape_envs(n_envs, case.action_space, case.observation_space)
    policy = "MultiInputPolicy" if case.observation_space is DICT else "MlpPolicy"
    policy_kwargs = dict(net_arch=[5], **(case.policy_kwargs or {}))
    kwargs = accepted(algorithm, batch_size=24, n_epochs=2, baseline=True) | kwargs
    model = algorithm(policy, env, gamma=GAMMA, seed=3, policy_kwargs=policy_kwargs, **kwargs)
    recomputed.randomise(model.policy, seed=5)
    return model


def discounted_tail(deltas: list[float], factor: float) -> list[float]:
    """Σ_l factorˡ δ_{t+l} for every t, each summed by itself."""
    return [sum(factor**lag * delta for lag, delta in enumerate(deltas[t:])) for t in range(len(deltas))]


def soft_advantages(
    episodes: list[Episode], first: int, n_steps: int, alpha: float, lam: float, value: Callable, entropy: Callable
) -> tuple[np.ndarray, np.ndarray]:
    """
    Eqs. 35–37 on the steps [first, first + n_steps) of one environment, by pieces: a piece ends with its episode or
    the rollout. V is 0 after a terminal state only.

    :return: advantages, values
    """
    advantages: list[float] = []
    values: list[float] = []
    position = 0
    for episode in episodes:
        length = len(episode.rewards)
        begin, end = max(first - position, 0), min(first + n_steps - position, length)
        position += length
        if begin >= end:
            continue
        states = [*episode.observations, episode.last_observation][begin : end + 1]
        v = [value(state) for state in states]
        if end == length and episode.end == TERMINATED:
            v[-1] = 0.0
        soft_rewards = [
            reward + alpha * entropy(state) for reward, state in zip(episode.rewards[begin:end], states, strict=False)
        ]
        deltas = [soft_rewards[t] + GAMMA * v[t + 1] - v[t] for t in range(end - begin)]
        advantages += discounted_tail(deltas, GAMMA * lam)
        values += v[:-1]
    return np.array(advantages), np.array(values)


def check_rollouts(algorithm: type, case: Case, n_envs: int, lam: float, n_steps: int, n_rollouts: int = 3) -> None:
    total = n_steps * n_envs * n_rollouts
    model = build(algorithm, case, n_envs, n_steps=n_steps, gae_lambda=lam, ent_coef="lin_0.6")
    log = recomputed.log_to_memory(model)
    seen = []

    def look(model: Any, local: dict[str, Any]) -> None:
        rollout = len(seen)
        weights = Weights.of(model.policy)
        # lin_0.6: linearly from .6 to 0, as far as it is at the rollout's end.
        alpha = 0.6 * (1 - (rollout + 1) / n_rollouts) if rollout + 1 < n_rollouts else 0.0
        buffer = model.rollout_buffer
        entropies = []
        for env, episodes in enumerate(tapes(model)):
            advantages, values = soft_advantages(
                episodes,
                rollout * n_steps,
                n_steps,
                alpha,
                lam,
                weights.value,
                lambda obs: case.entropy(weights, obs),
            )
            np.testing.assert_allclose(buffer.values[:, env], values, rtol=2e-4, atol=2e-4)
            np.testing.assert_allclose(buffer.advantages[:, env], advantages, rtol=2e-4, atol=5e-4)
            np.testing.assert_allclose(buffer.returns[:, env], advantages + values, rtol=2e-4, atol=5e-4)
            stored = [
                reward + (GAMMA * weights.value(episode.last_observation) if is_cut else 0.0)
                for episode in episodes
                for t, reward in enumerate(episode.rewards)
                for is_cut in [episode.end == TRUNCATED and t == len(episode.rewards) - 1]
            ]
            raw = stored[rollout * n_steps : (rollout + 1) * n_steps]
            np.testing.assert_allclose(buffer.rewards[:, env], raw, rtol=2e-4, atol=2e-4)
            states = [state for episode in episodes for state in episode.observations]
            entropies += [case.entropy(weights, state) for state in states[rollout * n_steps :][:n_steps]]
        assert model.tempering.alpha == pytest.approx(alpha, abs=1e-12)
        if case.entropy is not global_gaussian_entropy:
            assert np.std(entropies) > 0.02, "the test needs entropies that differ"
        seen.append((alpha, np.mean(entropies)))

    model.learn(total, callback=AtRolloutEnd(look), log_interval=1)
    assert len(seen) == n_rollouts
    assert [row["train/ent_coef"] for row in log.rows if "train/ent_coef" in row] == pytest.approx(
        [alpha for alpha, _ in seen], abs=1e-9
    )
    # The logged return is raw: what the tape has, and nothing of ours.
    raw_returns = [sum(episode.rewards) for episodes in tapes(model) for episode in episodes if episode.end is not None]
    assert log.column("rollout/ep_rew_mean")[-1] == pytest.approx(np.mean(raw_returns), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "n_envs", "lam"),
    combinations(CASES, (1, 3), (1.0, 0.8), allowed=lambda _, n_envs, lam: (n_envs, lam) != (3, 1.0)),
)
def test_soft_advantages_and_returns_of_sppo(name: str, n_envs: int, lam: float) -> None:
    check_rollouts(SPPO, CASES[name], n_envs, lam, n_steps=24)


@pytest.mark.parametrize("algorithm", [algorithm for algorithm in EVERY if algorithm is not SPPO])
@pytest.mark.parametrize("name", ["discrete, Dict", "gaussian, local"])
def test_soft_advantages_and_returns_of_the_others(algorithm: type, name: str) -> None:
    check_rollouts(algorithm, CASES[name], 3, 0.9, n_steps=24)


def test_entropy_out_of_the_return_leaves_plain_advantages() -> None:
    case = CASES["discrete"]
    plain, with_bonus = [], []

    def collect(into: list[Any]) -> AtRolloutEnd:
        return AtRolloutEnd(lambda model, _: into.append(model.rollout_buffer.advantages.copy()))

    build(SPPO, case, 2, n_steps=24, ent_coef=0.0).learn(48, callback=collect(plain))
    build(SPPO, case, 2, n_steps=24, ent_coef=0.7, entropy_in_return=False).learn(48, callback=collect(with_bonus))
    np.testing.assert_array_equal(plain[0], with_bonus[0])


@pytest.mark.parametrize("chunk", [1, 7, 1024])
def test_entropies_do_not_depend_on_the_chunk(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sb3_entropy.algorithms.on_policy.soft_returns.CHUNK", chunk)
    check_rollouts(SPPO, CASES["discrete, Dict"], 3, 0.9, n_steps=16, n_rollouts=2)


# ---------------------------------------------------------------------- SPG


def kept_rows(buffer: Any) -> int:
    return len(next(buffer.get(None)).advantages)


@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("n_steps", [20, 33])
def test_reward_to_go_without_baseline_leaves_cut_episodes_out(n_envs: int, n_steps: int) -> None:
    case = CASES["discrete"]
    alpha, total = 0.4, 4 * n_steps * n_envs
    model = build(SPG, case, n_envs, n_steps=n_steps, baseline=False, ent_coef=alpha, normalize_advantage=False)
    model.policy.value_net.weight.data.zero_()
    model.policy.value_net.bias.data.zero_()
    checked: list[int] = []

    def look(model: Any, local: dict[str, Any]) -> None:
        rollout, buffer, weights = len(checked), model.rollout_buffer, Weights.of(model.policy)
        assert not buffer.values.any()
        first, rows = rollout * n_steps, []
        for env, episodes in enumerate(tapes(model)):
            steps = [(episode, t) for episode in episodes for t in range(len(episode.rewards))]
            for at, (episode, t) in enumerate(steps[first : first + n_steps]):
                ends_here = episode.end is not None
                assert buffer.keep[at, env] == ends_here
                if ends_here:
                    # A time limit counts as the end: no bootstrap.
                    soft = [
                        reward + alpha * categorical_entropy(weights.head(state))
                        for reward, state in zip(episode.rewards[t:], episode.observations[t:], strict=True)
                    ]
                    expected = sum(GAMMA**lag * reward for lag, reward in enumerate(soft))
                    assert buffer.advantages[at, env] == pytest.approx(expected, rel=2e-4, abs=5e-4)
                    rows.append(expected)
        batch = next(buffer.get(None))
        np.testing.assert_allclose(np.sort(batch.advantages.numpy()), np.sort(rows), rtol=2e-4, atol=5e-4)
        checked.append(len(rows))

    model.learn(total, callback=AtRolloutEnd(look))
    assert len(checked) == 4
    assert 0 < sum(checked) < total, "some steps have to be kept and some left out"


def test_a_rollout_without_a_whole_episode_changes_nothing() -> None:
    env = recomputed.DummyVecEnv([lambda: recomputed.TapeEnv(0, [(50, TERMINATED)], spaces.Discrete(2))])
    model = SPG("MlpPolicy", env, n_steps=10, baseline=False, ent_coef=0.3, seed=0)
    before = Weights.of(model.policy).state
    model.learn(40)
    for name, value in Weights.of(model.policy).state.items():
        np.testing.assert_array_equal(value, before[name])
    model.learn(60, reset_num_timesteps=False)
    after = Weights.of(model.policy).state
    assert any((after[name] != before[name]).any() for name in before)


def test_whitening_uses_the_kept_steps_alone() -> None:
    model = build(SPG, CASES["discrete"], 2, n_steps=33, baseline=False, ent_coef=0.4)
    looked = []

    def look(model: Any, local: dict[str, Any]) -> None:
        buffer = model.rollout_buffer
        kept = buffer.advantages[buffer.keep].astype(np.float64)
        assert 1 < kept.size < buffer.advantages.size
        advantages, unit = model._advantages(next(buffer.get(None)))
        assert float(unit) == pytest.approx(np.std(kept, ddof=1), rel=1e-4)
        np.testing.assert_allclose(
            np.sort(advantages.numpy()), np.sort((kept - kept.mean()) / np.std(kept, ddof=1)), rtol=1e-3, atol=1e-4
        )
        looked.append(True)

    model.learn(66, callback=AtRolloutEnd(look))
    assert looked


@pytest.mark.parametrize("baseline", [True, False])
@pytest.mark.parametrize(("n_episodes", "n_envs"), [(1, 1), (4, 1), (1, 3), (5, 3), (6, 3)])
def test_whole_episodes_by_quota(n_episodes: int, n_envs: int, baseline: bool) -> None:
    """Each environment's first episodes, as many as its quota, whole, however long they and the others' are."""
    case, alpha, lam = CASES["discrete"], 0.4, 0.9 if baseline else 1.0
    model = build(
        SPG, case, n_envs, n_steps=4, n_episodes=n_episodes, baseline=baseline, ent_coef=alpha, gae_lambda=0.9
    )
    if not baseline:
        model.policy.value_net.weight.data.zero_()
        model.policy.value_net.bias.data.zero_()
    shares = [n_episodes // n_envs + (env < n_episodes % n_envs) for env in range(n_envs)]
    begun = [0] * n_envs
    lengths: list[int] = []

    def look(model: Any, local: dict[str, Any]) -> None:
        buffer, weights = model.rollout_buffer, Weights.of(model.policy)
        n_steps = buffer.buffer_size
        rows = 0
        for env, all_episodes in enumerate(tapes(model)):
            episodes = all_episodes[begun[env] :]
            begun[env] = len(all_episodes)
            assert sum(len(episode.rewards) for episode in episodes) == n_steps
            mine = episodes[: shares[env]]
            assert all(episode.end is not None for episode in mine)
            n_kept = sum(len(episode.rewards) for episode in mine)
            np.testing.assert_array_equal(buffer.keep[:, env], np.arange(n_steps) < n_kept)
            if not baseline:
                for episode in mine:
                    episode.end = TERMINATED
            advantages, values = soft_advantages(
                mine, 0, n_kept, alpha, lam, weights.value, lambda obs: categorical_entropy(weights.head(obs))
            )
            np.testing.assert_allclose(buffer.advantages[:n_kept, env], advantages, rtol=2e-4, atol=5e-4)
            np.testing.assert_allclose(buffer.values[:n_kept, env], values, rtol=2e-4, atol=2e-4)
            starts = np.concatenate(
                [np.arange(len(episode.rewards)) == 0 for episode in mine or [Episode(rewards=[0])]]
            )
            np.testing.assert_array_equal(buffer.episode_starts[: len(starts), env].astype(bool), starts)
            rows += n_kept
        lengths.append(n_steps)
        assert kept_rows(buffer) == rows

    model.learn(200, callback=AtRolloutEnd(look))
    assert len(lengths) >= 2
    assert model.num_timesteps == sum(lengths) * n_envs
    if n_envs == 1:
        assert all(episode.end for episode in tapes(model)[0])


@pytest.mark.parametrize("n_envs", range(1, 6))
def test_quotas_add_up(n_envs: int) -> None:
    for n_episodes in range(1, 17):
        shares = quotas(n_episodes, n_envs)
        assert shares.sum() == n_episodes
        assert shares.max() - shares.min() <= 1
        assert (np.diff(shares) <= 0).all()


def test_finished_by_enumeration() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        n_steps, n_envs = rng.integers(1, 9), rng.integers(1, 4)
        done = rng.random((n_steps, n_envs)) < 0.3
        starts = np.vstack([rng.random((1, n_envs)) < 0.5, done[:-1]])
        expected = [[done[t:, env].any() for env in range(n_envs)] for t in range(n_steps)]
        np.testing.assert_array_equal(finished(starts.astype(np.float32), done[-1]), expected)
