"""
What is logged, against hand computations: soft returns of whole episodes in raw reward units, entropies, σ, the share
outside the action box and the temperature; each from the tape, the weights and SciPy.
"""

import itertools
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from scipy import stats
from stable_baselines3.common.logger import Logger, make_output_format
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from oracles import recomputed
from oracles.algorithms import EVERY, accepted
from oracles.recomputed import AtRolloutEnd, Weights, categorical_entropy, tapes
from sb3_entropy import SA2C, SPG, SPPO
from sb3_entropy.algorithms.common.episode_sums import EpisodeSums
from sb3_entropy.policies.observations import sample_states

pytestmark = pytest.mark.filterwarnings("ignore:.*density lies outside the action box", "ignore:.*mini-batch size")

THREE = spaces.Discrete(3)
BOX = spaces.Box(np.float32([-1, 0]), np.float32([3, 0.5]))


def build(algorithm: type, env: Any, **kwargs: Any) -> Any:
    kwargs.setdefault("policy_kwargs", {"net_arch": [5]})
    kwargs = accepted(algorithm, batch_size=24, n_epochs=2, baseline=True) | kwargs
    model = algorithm("MlpPolicy", env, seed=3, **kwargs)
    recomputed.randomise(model.policy, seed=5)
    return model


def check_soft_returns(model: Any, total: int, window: int = 100) -> None:
    """
    Learn, and compare every ``rollout/soft_return`` with sums over the tape of r + αH, α and H those of the rollout in
    which the step was taken.
    """
    log = recomputed.log_to_memory(model)
    n_envs = model.n_envs
    bonuses: list[list[float]] = [[] for _ in range(n_envs)]
    expected: list[float] = []

    def look(model: Any, local: dict[str, Any]) -> None:
        weights = Weights.of(model.policy)
        normalise = model.get_vec_normalize_env()
        scale = 1.0 if normalise is None else float(np.sqrt(normalise.ret_rms.var + normalise.epsilon))
        done: list[tuple[int, int, float]] = []
        for env, episodes in enumerate(tapes(model)):
            states = [state for episode in episodes for state in episode.observations]
            for state in states[len(bonuses[env]) :]:
                bonuses[env].append(model.tempering.alpha * scale * categorical_entropy(weights.head(state)))
            position = 0
            for episode in episodes:
                begin, position = position, position + len(episode.rewards)
                if episode.end is not None:
                    done.append((position, env, sum(episode.rewards) + sum(bonuses[env][begin:position])))
        # The episodes that ended last, as in rollout/ep_rew_mean.
        last = [soft_return for _, _, soft_return in sorted(done)][-window:]
        if last:
            expected.append(float(np.mean(last)))

    model.learn(total, callback=AtRolloutEnd(look), log_interval=1)
    # Written with every rollout, and once more after the last update.
    assert len(expected) > 3
    np.testing.assert_allclose(log.column("rollout/soft_return"), [*expected, expected[-1]], rtol=1e-4, atol=2e-4)
    assert np.std(expected) > 0.01


@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("algorithm", EVERY)
def test_soft_return(algorithm: type, n_envs: int) -> None:
    model = build(algorithm, recomputed.tape_envs(n_envs, THREE), n_steps=24, ent_coef="lin_0.9")
    check_soft_returns(model, 24 * n_envs * 6)


@pytest.mark.parametrize("n_envs", [1, 3])
def test_soft_return_under_vec_normalize_is_in_raw_units(n_envs: int) -> None:
    env = VecNormalize(recomputed.tape_envs(n_envs, THREE), norm_obs=False, norm_reward=True)
    model = build(SPPO, env, n_steps=24, ent_coef=0.5)
    check_soft_returns(model, 24 * n_envs * 6)
    assert np.sqrt(env.ret_rms.var) > 2, "the test needs a scale that is not 1"


@pytest.mark.parametrize("n_envs", [1, 3])
def test_soft_return_is_of_the_same_last_episodes_as_ep_rew_mean(n_envs: int) -> None:
    model = build(SPPO, recomputed.tape_envs(n_envs, THREE), n_steps=48, ent_coef=0.7, stats_window_size=4)
    check_soft_returns(model, 48 * n_envs * 5, window=4)


def test_soft_return_of_a_tuned_temperature_out_of_the_return() -> None:
    model = build(SPPO, recomputed.tape_envs(2, THREE), n_steps=24, ent_coef="auto", entropy_in_return=False)
    check_soft_returns(model, 24 * 2 * 6)


class Lives(gym.Wrapper):
    """Tells the algorithm that an episode ends with every life, outside the monitor, as Atari's wrappers do."""

    def reset(self, **kwargs: Any) -> Any:
        if self.unwrapped.tape and self.unwrapped.tape[-1].end is None:
            return self.unwrapped.observation, {}
        return super().reset(**kwargs)

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated or len(self.unwrapped.tape[-1].rewards) % 4 == 0, truncated, info


def test_soft_return_of_games_with_several_lives() -> None:
    """The raw return is the whole game's; so is the entropy's share."""
    plan = [(13, "terminated"), (9, "terminated"), (22, "terminated")]
    env = DummyVecEnv([lambda: Lives(Monitor(recomputed.TapeEnv(0, plan, THREE)))])
    check_soft_returns(build(SPPO, env, n_steps=48, ent_coef=0.7), 48 * 6)


def test_episode_sums_by_enumeration() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        n_envs, n_rollouts = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        sums = EpisodeSums(n_envs, window=10_000)
        values = rng.normal(size=(n_rollouts * 6, n_envs))
        done = rng.random(values.shape) < 0.25
        for first in range(0, len(values), 6):
            rows = slice(first, first + 6)
            sums.add(values[rows], [(int(step), int(env)) for step, env in np.argwhere(done[rows])])
        expected = []
        for env in range(n_envs):
            edges = [-1, *np.flatnonzero(done[:, env])]
            expected += [values[a + 1 : b + 1, env].sum() for a, b in itertools.pairwise(edges)]
        assert sorted(sums.finished) == pytest.approx(sorted(expected))
        assert sums.mean() == (pytest.approx(np.mean(expected)) if expected else None)


# ---------------------------------------------------------------------- the policy as it is


def last_states(model: Any) -> list[np.ndarray]:
    """:return: the states of the last rollout, from the tape"""
    n_steps = model.rollout_buffer.buffer_size
    return [
        state
        for episodes in tapes(model)
        for state in [state for episode in episodes for state in episode.observations][-n_steps:]
    ]


@pytest.mark.parametrize("algorithm", EVERY)
def test_entropy_and_its_quantiles_after_the_last_update(algorithm: type) -> None:
    model = build(algorithm, recomputed.tape_envs(2, THREE), n_steps=24, learning_rate=0.02, ent_coef=0.4)
    log = recomputed.log_to_memory(model)
    seen: list[list[float]] = []

    def entropies() -> list[float]:
        weights = Weights.of(model.policy)
        return [categorical_entropy(weights.head(state)) for state in last_states(model)]

    model.learn(24 * 2 * 3, callback=AtRolloutEnd(lambda *_: seen.append(entropies())), log_interval=1)
    # The log is written between a rollout and its update, and after the last update.
    seen.append(entropies())
    assert len(log.column("train/entropy")) == 4
    for row, expected in zip(log.rows, seen, strict=True):
        assert row["train/entropy"] == pytest.approx(np.mean(expected), abs=1e-5)
        for key, share in [("q10", 0.1), ("q50", 0.5), ("q90", 0.9)]:
            assert row[f"train/entropy_{key}"] == pytest.approx(np.quantile(expected, share), abs=1e-5)
    assert abs(np.mean(seen[-1]) - np.mean(seen[-2])) > 1e-4, "the last update has to be seen in the last row"


@pytest.mark.parametrize("scheme", ["global", "global_local", "global_clipped_local", "fixed"])
def test_std_and_the_share_outside_the_box(scheme: str) -> None:
    policy_kwargs = {"net_arch": [5], "std_scheme": scheme, "log_std_init": -0.4}
    model = build(SPPO, recomputed.tape_envs(2, BOX), n_steps=24, ent_coef=0.1, policy_kwargs=policy_kwargs)
    log = recomputed.log_to_memory(model)
    model.learn(96, log_interval=1)
    weights = Weights.of(model.policy)
    means, log_stds = [], []
    for state in last_states(model):
        base = weights.state["log_std"]
        if scheme == "global_local":
            base = base + weights.local_increment(state)
        if scheme == "global_clipped_local":
            base = base - 0.5 * (1 - weights.local_increment(state))
        means.append(weights.head(state))
        log_stds.append(base)
    std = np.exp(log_stds)
    row = log.rows[-1]
    assert row["train/std"] == pytest.approx(std.mean(), rel=1e-5)
    assert row["train/std_min"] == pytest.approx(std.min(), rel=1e-5)
    assert row["train/std_max"] == pytest.approx(std.max(), rel=1e-5)
    normal = stats.norm(np.array(means), std)
    outside = normal.cdf(BOX.low.astype(float)) + normal.sf(BOX.high.astype(float))
    assert row["train/outside_box"] == pytest.approx(outside.mean(), abs=1e-5)
    assert row["train/entropy"] == pytest.approx(normal.entropy().sum(axis=1).mean(), abs=1e-5)


def test_bounded_policies_have_nothing_outside_and_discrete_ones_no_std() -> None:
    for space, kwargs, keys in [
        (BOX, {"action_distribution": "beta"}, {"train/std", "train/std_min", "train/std_max"}),
        (THREE, {}, set()),
    ]:
        model = build(SA2C, recomputed.tape_envs(1, space), policy_kwargs=kwargs)
        log = recomputed.log_to_memory(model)
        model.learn(20)
        assert {key for row in log.rows for key in row if "std" in key or "box" in key} == keys


@pytest.mark.parametrize(("n_steps", "n_envs"), [(256, 1), (100, 3), (301, 1), (200, 4)])
def test_at_most_256_states_evenly_spaced(n_steps: int, n_envs: int) -> None:
    buffer = build(SPG, recomputed.tape_envs(n_envs, THREE), n_steps=n_steps).rollout_buffer
    assert sample_states(buffer) is None
    buffer.observations[:] = np.arange(n_steps * n_envs).reshape(n_steps, n_envs, 1)
    buffer.pos, buffer.full = n_steps, True
    rows = sample_states(buffer)[:, 0].numpy()
    assert len(rows) == min(256, n_steps * n_envs)
    assert rows[0] == 0
    assert rows[-1] == n_steps * n_envs - 1
    assert np.diff(rows).min() >= 1
    assert np.diff(rows).max() - np.diff(rows).min() <= 1


# ---------------------------------------------------------------------- the temperature


def test_the_temperature_in_raw_reward_units() -> None:
    env = VecNormalize(recomputed.tape_envs(2, THREE), norm_obs=False, gamma=0.9)
    model = build(SPPO, env, n_steps=24, ent_coef="lin_0.9", gamma=0.9)
    log = recomputed.log_to_memory(model)
    seen: list[float] = []

    def look(model: Any, local: dict[str, Any]) -> None:
        # VecNormalize divides by the std of the discounted returns so far, here summed up again from the tape.
        returns = np.zeros((0, 2))
        running = np.zeros(2)
        flat = [
            [
                (reward, episode.end is not None and t == len(episode.rewards) - 1)
                for episode in episodes
                for t, reward in enumerate(episode.rewards)
            ]
            for episodes in tapes(model)
        ]
        for step in zip(*flat, strict=True):
            running = running * 0.9 + [reward for reward, _ in step]
            returns = np.vstack([returns, running])
            running = running * [not done for _, done in step]
        seen.append(model.tempering.alpha * returns.std())

    model.learn(48 * 4, callback=AtRolloutEnd(look), log_interval=1)
    # VecNormalize begins with 1e-4 pseudo-observations.
    np.testing.assert_allclose(log.column("train/ent_coef_raw_reward"), seen, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(log.column("train/ent_coef"), [0.675, 0.45, 0.225, 0.0], atol=1e-9)


def test_without_reward_normalisation_there_are_no_raw_units_to_log() -> None:
    for env in (recomputed.tape_envs(1, THREE), VecNormalize(recomputed.tape_envs(1, THREE), norm_reward=False)):
        model = build(SA2C, env)
        log = recomputed.log_to_memory(model)
        model.learn(20)
        assert log.column("train/ent_coef") == [0.01]
        assert not log.column("train/ent_coef_raw_reward")


def test_the_loss_of_the_temperature_belongs_to_the_update_it_is_logged_with() -> None:
    """log α (H − H̄), of each update with its own α and H, the last one included."""
    model = build(SPPO, recomputed.tape_envs(2, THREE), n_steps=24, ent_coef="auto_0.3", ent_coef_lr=1e-2)
    log = recomputed.log_to_memory(model)
    expected: list[float] = []

    def look(model: Any, local: dict[str, Any]) -> None:
        weights = Weights.of(model.policy)
        entropy = np.mean([categorical_entropy(weights.head(state)) for state in last_states(model)])
        expected.append(float(np.log(model.tempering.alpha) * (entropy - 0.5 * np.log(3))))

    model.learn(48 * 3, callback=AtRolloutEnd(look), log_interval=1)
    assert len(set(expected)) == 3
    np.testing.assert_allclose(log.column("train/ent_coef_loss"), expected, atol=1e-4)


@pytest.mark.parametrize("algorithm", EVERY)
def test_the_last_updates_values_are_written(algorithm: type) -> None:
    model = build(algorithm, recomputed.tape_envs(1, THREE), n_steps=24, ent_coef="lin_0.5")
    log = recomputed.log_to_memory(model)
    model.learn(24 * 5)
    last = log.rows[-1]
    assert last["step"] == 120
    assert last["train/ent_coef"] == 0.0
    assert last["train/n_updates"] == model._n_updates
    assert {"train/value_loss", "train/explained_variance", "train/entropy"} <= set(last)


def test_looking_at_the_policy_does_not_change_the_training() -> None:
    """Even where the entropy is estimated from samples."""
    weights = []
    for interval in (1, None):
        policy_kwargs = {"action_distribution": "tanh_gaussian", "entropy_estimator": "monte_carlo", "net_arch": [5]}
        model = build(SPPO, recomputed.tape_envs(1, BOX), n_steps=24, ent_coef=0.2, policy_kwargs=policy_kwargs)
        th.manual_seed(0)
        model.learn(72, log_interval=interval)
        weights.append(Weights.of(model.policy).state)
    for name, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][name])


def test_hyperparameters_once_a_run(tmp_path: Any) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    model = build(SA2C, recomputed.tape_envs(1, THREE), ent_coef="auto_0.2", gae_lambda=0.77)
    model.set_logger(Logger(str(tmp_path), [make_output_format("tensorboard", str(tmp_path))]))
    model.learn(30, log_interval=1)
    model.learn(30, log_interval=1, reset_num_timesteps=False)
    model.logger.close()
    (path,) = tmp_path.glob("events*")
    starts = [
        HParamsPluginData.FromString(value.metadata.plugin_data.content).session_start_info.hparams
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if value.tag == "_hparams_/session_start_info"
    ]
    assert len(starts) == 1
    assert starts[0]["algorithm"].string_value == "SA2C"
    assert starts[0]["ent_coef"].string_value == "auto_0.2"
    assert starts[0]["gae_lambda"].number_value == 0.77
    assert starts[0]["soft_gradient"].string_value == "entropy"
