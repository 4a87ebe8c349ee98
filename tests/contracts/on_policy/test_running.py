"""Callbacks, logs and what else surrounds a run; none of it changes what is learned."""

import csv
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    CheckpointCallback,
    EvalCallback,
    LogEveryNTimesteps,
    StopTrainingOnMaxEpisodes,
    StopTrainingOnNoModelImprovement,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import Logger, configure, make_output_format
from stable_baselines3.common.vec_env import VecNormalize
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from contracts.envs import make_env, make_vec_env
from contracts.models import (
    ON_POLICY,
    Recorder,
    arguments_of,
    assert_equal_parameters,
    assert_same_state,
    build,
    observations_of,
    parameters,
    record,
)
from sb3_entropy.registry import ALGORITHMS

TANH_SAMPLED = {"action_distribution": "tanh_gaussian", "entropy_estimator": "monte_carlo"}


def events(folder: Path) -> EventAccumulator:
    """:return: what TensorBoard reads in a run's folder"""
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    return accumulator


def title(key: str) -> str:
    """:return: the algorithm's name, and that of its runs in TensorBoard"""
    return str(ALGORITHMS.get(key).__name__)


def scalars(accumulator: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    """:return: step and value, in the order in which they were written"""
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


# ---------------------------------------------------------------------- what callbacks see


class Locals(BaseCallback):
    """Keeps the names and the shapes of what callbacks see, at each step and at the end of each rollout."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[dict[str, Any]] = []
        self.ends: list[dict[str, Any]] = []
        self.counts: list[int] = []

    def _shapes(self) -> dict[str, Any]:
        assert self.locals["self"] is self.model
        assert self.locals["rollout_buffer"] is self.model.rollout_buffer
        return {name: getattr(value, "shape", None) for name, value in self.locals.items()}

    def _on_step(self) -> bool:
        space = self.model.action_space
        within = np.clip(self.locals["actions"], space.low, space.high)
        np.testing.assert_array_equal(self.locals["clipped_actions"], within)
        self.counts.append(self.locals["n_steps"])
        self.steps.append(self._shapes())
        return True

    def _on_rollout_end(self) -> None:
        self.counts.append(self.locals["n_steps"])
        self.ends.append(self._shapes())


@pytest.mark.parametrize("key", ON_POLICY)
def test_callbacks_see_what_the_stock_loop_shows(key: str) -> None:
    """In every collection loop, also when a time limit has ended an episode: the names, their shapes, the count."""

    def seen_by(algorithm: Any, **settings: Any) -> Locals:
        seen = Locals()
        build(algorithm, make_vec_env(2, length=3, truncates=True), n_steps=12, **settings).learn(24, callback=seen)
        return seen

    stock = seen_by(PPO)
    assert {"obs_tensor", "new_obs", "rewards", "terminal_value", "done"} <= stock.steps[-1].keys()
    for settings in ({}, {"n_episodes": 8}) if "n_episodes" in arguments_of(ALGORITHMS.get(key)) else ({},):
        found = seen_by(key, **settings)
        n = min(len(found.steps), len(stock.steps))
        assert n == 12  # the sixth of which ends an episode by a time limit
        assert found.counts == list(range(len(found.steps) + 1))
        for ours, parents in zip([*found.steps[:n], found.ends[0]], [*stock.steps[:n], stock.ends[0]], strict=True):
            assert {name: ours.get(name, "not there") for name in parents} == parents


# ---------------------------------------------------------------------- logs

ENTROPY = {"train/entropy", "train/entropy_q10", "train/entropy_q50", "train/entropy_q90"}
STD = {"train/std", "train/std_min", "train/std_max"}
ALWAYS = {"train/ent_coef", "rollout/soft_return", "rollout/ep_rew_mean", "rollout/ep_len_mean", "time/fps"}


@pytest.mark.parametrize("key", ON_POLICY)
def test_tensorboard_shows_what_is_documented(key: str, tmp_path: Path) -> None:
    model = build(key, ent_coef="auto_0.1", tensorboard_log=str(tmp_path))
    model.learn(48, log_interval=1)
    written = events(tmp_path / f"{title(key)}_1")
    tags = set(written.Tags()["scalars"])
    expected = ENTROPY | STD | ALWAYS | {"train/outside_box", "train/ent_coef_loss", "train/learning_rate"}
    assert expected <= tags
    assert all(np.isfinite(value) for tag in tags - {"train/explained_variance"} for _, value in scalars(written, tag))
    # The last update's values are there, at the last step, as the model has them.
    assert scalars(written, "train/ent_coef")[-1][0] == 48
    assert scalars(written, "train/entropy")[-1][0] == 48
    assert scalars(written, "train/ent_coef_loss")[-1] == (48, pytest.approx(model.temperature.loss))
    assert len(scalars(written, "train/value_loss")) == 3
    # One entry of hyper-parameters a run.
    assert len(written.Tags()["tensors"]) == 0
    assert "_hparams_/experiment" in written.summary_metadata
    model.learn(16, reset_num_timesteps=False, log_interval=1)
    model.learn(16, tb_log_name="named", log_interval=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{title(key)}_1", "named_1"]


class SaysNoEpisode(gym.Wrapper):
    """As some environments do, it says at every step that no episode has ended."""

    def step(self, action: Any) -> Any:
        *rest, info = self.env.step(action)
        return *rest, {**info, "episode": None}


@pytest.mark.parametrize("key", ON_POLICY)
def test_an_info_that_says_no_episode_ends_none(key: str) -> None:
    soft_returns = []
    for env in (make_env(), SaysNoEpisode(make_env())):
        model = build(key, env, ent_coef=0.5)
        recorder = record(model)
        model.learn(48, log_interval=1)
        soft_returns.append(recorder.values["rollout/soft_return"])
    assert len(soft_returns[0]) >= 3
    assert soft_returns[1] == soft_returns[0]


def test_hyper_parameters_reach_tensorboard_alone(tmp_path: Path) -> None:
    """A writer of one's own (MLflow's, say) makes numbers of what it is given. SB3's own are told to leave them out."""

    class Numbers(Recorder):
        def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
            super().write({key: float(value) for key, value in key_values.items()}, key_excluded, step)

    model = build("sppo")
    numbers = Numbers()
    formats = [make_output_format(name, str(tmp_path)) for name in ("log", "json", "csv", "tensorboard")]
    model.set_logger(Logger(str(tmp_path), [numbers, *formats]))
    model.learn(32, log_interval=1)
    model.logger.close()
    assert "hparams" not in numbers.values
    assert len(numbers.values["train/entropy"]) == 3
    assert "_hparams_/experiment" in events(tmp_path).summary_metadata


@pytest.mark.parametrize("key", ON_POLICY)
def test_hyper_parameters_once_a_run(key: str, tmp_path: Path) -> None:
    model = build(key, tensorboard_log=str(tmp_path), soft_gradient="log_prob", target_entropy=0.3, ent_coef="auto_0.1")
    model.learn(48, log_interval=1)
    model.learn(16, reset_num_timesteps=False, log_interval=1)
    hparams: list[dict[str, Any]] = []
    for file in (tmp_path / f"{title(key)}_1").glob("events*"):
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.tag == "_hparams_/session_start_info":
                    data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                    hparams.append(
                        {
                            name: entry.string_value or entry.number_value
                            for name, entry in data.session_start_info.hparams.items()
                        }
                    )
    assert len(hparams) == 1
    assert hparams[0]["algorithm"] == title(key)
    assert hparams[0]["ent_coef"] == "auto_0.1"
    assert hparams[0]["soft_gradient"] == "log_prob"
    assert hparams[0]["target_entropy"] == 0.3
    assert hparams[0]["gamma"] == 0.99
    assert "net_arch" in hparams[0]["policy_kwargs"]


@pytest.mark.parametrize("key", ON_POLICY)
def test_what_is_logged_depends_on_the_actions(key: str) -> None:
    for actions in ("discrete", "multi_discrete", "multi_binary"):
        model = build(key, make_env(actions=actions), n_steps=8)
        logged = record(model)
        model.learn(16, log_interval=1)
        assert logged.values.keys() >= ENTROPY | ALWAYS
        assert (
            not (STD | {"train/outside_box", "train/ent_coef_loss", "train/ent_coef_raw_reward"}) & logged.values.keys()
        )
        low, middle, high = (logged.values[f"train/entropy_q{q}"][-1] for q in (10, 50, 90))
        assert 0 < low <= middle <= high < np.log(8) + 1e-6
    model = build(key, n_steps=8, policy_kwargs={"action_distribution": "beta"})
    logged = record(model)
    model.learn(16, log_interval=1)
    assert logged.values.keys() >= STD
    assert "train/outside_box" not in logged.values
    assert logged.values["train/std_min"][-1] <= logged.values["train/std"][-1] <= logged.values["train/std_max"][-1]
    model = build(key, n_steps=8, policy_kwargs={"action_distribution": "tanh_gaussian"}, ent_coef=0.0)
    logged = record(model)
    model.learn(16, log_interval=1)
    assert not ENTROPY & logged.values.keys()  # never estimated silently, not even in a log


@pytest.mark.parametrize("key", ON_POLICY)
def test_the_temperature_in_raw_reward_units(key: str) -> None:
    env = VecNormalize(make_vec_env(2), norm_obs=False)
    model = build(key, env, ent_coef=0.1)
    logged = record(model)
    model.learn(64, log_interval=1)
    raw = logged.values["train/ent_coef_raw_reward"]
    assert raw[-1] == pytest.approx(0.1 * np.sqrt(env.ret_rms.var + env.epsilon), rel=1e-6)
    assert raw[-1] != pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("key", ON_POLICY)
def test_the_soft_return_is_the_return_and_the_bonus(key: str, normalize: bool) -> None:
    """With σ = 1 fixed H is the same in every state: the soft return of 5 steps is the return + 5·α·H."""
    env = VecNormalize(make_vec_env(1, length=5), norm_obs=False, norm_reward=normalize)
    model = build(
        key,
        env,
        ent_coef=0.1,
        policy_kwargs={"std_scheme": "fixed"},
        learning_rate=0.0,
    )
    logged = record(model)
    model.learn(16, log_interval=1)
    entropy = np.log(2 * np.pi * np.e)  # two dimensions
    # Under VecNormalize α weighs entropy against a reward divided by a scale: in raw units it is α × that scale.
    scale = np.sqrt(env.ret_rms.var + env.epsilon) if normalize else 1.0
    expected = logged.values["rollout/ep_rew_mean"][-1] + 5 * 0.1 * entropy * scale
    assert logged.values["rollout/soft_return"][-1] == pytest.approx(expected, rel=1e-4)
    assert logged.values["train/entropy"][-1] == pytest.approx(entropy, rel=1e-5)


@pytest.mark.parametrize("key", ON_POLICY)
def test_csv_and_no_log_at_all(key: str, tmp_path: Path) -> None:
    model = build(key)
    model.set_logger(configure(str(tmp_path), ["csv", "json", "log"]))
    model.learn(48, log_interval=2)
    rows = list(csv.DictReader((tmp_path / "progress.csv").read_text().splitlines()))
    assert next(row["time/total_timesteps"] for row in rows if row["time/total_timesteps"]) == "32"
    assert float(rows[-1]["train/entropy"]) == pytest.approx(2 * 1.4189, abs=0.2)
    assert "hparams" not in rows[0]
    silent = build(key)
    logged = record(silent)
    silent.learn(48, log_interval=None)
    assert logged.steps == []


@pytest.mark.parametrize("key", ON_POLICY)
def test_the_default_log_interval_is_the_parents(key: str) -> None:
    model = build(key, n_steps=2) if "batch_size" not in arguments_of(ALGORITHMS.get(key)) else build(key)
    logged = record(model)
    model.learn(4 * model.n_steps)
    n_interim = len(logged.steps) - 1
    assert n_interim == (0 if ALGORITHMS.get(key).default_log_interval > 4 else 4)


@pytest.mark.parametrize("policy_kwargs", [{}, TANH_SAMPLED], ids=["gaussian", "monte_carlo"])
@pytest.mark.parametrize("key", ON_POLICY)
def test_looking_does_not_change_what_is_learned(key: str, policy_kwargs: dict[str, Any], tmp_path: Path) -> None:
    """TensorBoard, log intervals, evaluation on other environments: the same parameters, bit for bit."""

    def run(callback: Any = None, log_interval: int | None = 1, **kwargs: Any) -> Any:
        model = build(key, n_steps=8, ent_coef="auto_0.1", policy_kwargs=policy_kwargs, **kwargs)
        return model.learn(24, callback, log_interval=log_interval)

    plain = run(log_interval=None)
    assert_same_state(run(), plain)
    assert_same_state(run(log_interval=3, tensorboard_log=str(tmp_path), verbose=0), plain)
    if not policy_kwargs:
        evaluation = EvalCallback(make_vec_env(1), n_eval_episodes=1, eval_freq=8, verbose=0, warn=False)
        assert_same_state(run([evaluation, LogEveryNTimesteps(8)]), plain)


# ---------------------------------------------------------------------- callbacks


class Counter(BaseCallback):
    """Counts what it is called for, and stops the training if asked."""

    def __init__(self, stop_at: int | None = None):
        super().__init__()
        self.stop_at = stop_at
        self.calls = dict.fromkeys(("training_start", "rollout_start", "step", "rollout_end", "training_end"), 0)

    def _on_training_start(self) -> None:
        self.calls["training_start"] += 1

    def _on_rollout_start(self) -> None:
        self.calls["rollout_start"] += 1

    def _on_step(self) -> bool:
        assert {"new_obs", "rewards", "dones", "infos", "actions", "values", "log_probs"} <= self.locals.keys()
        self.calls["step"] += 1
        return self.n_calls != self.stop_at

    def _on_rollout_end(self) -> None:
        self.calls["rollout_end"] += 1

    def _on_training_end(self) -> None:
        self.calls["training_end"] += 1


@pytest.mark.parametrize("key", ON_POLICY)
def test_callbacks_are_called_and_may_stop_the_run(key: str) -> None:
    counter = Counter()
    build(key).learn(48, callback=counter)
    assert counter.calls == {"training_start": 1, "rollout_start": 3, "step": 48, "rollout_end": 3, "training_end": 1}
    for stop_at in (1, 20):
        model, counter = build(key), Counter(stop_at)
        start = parameters(model)
        model.learn(48, callback=counter, log_interval=1)
        assert model.num_timesteps == stop_at
        assert counter.calls["training_end"] == 1
        # Stopped in a rollout, of which nothing is learned.
        assert counter.calls["rollout_end"] == stop_at // 16
        if stop_at < 16:
            assert_equal_parameters(model, start)
        model.learn(16, reset_num_timesteps=False)
        assert model.num_timesteps == stop_at + 16


@pytest.mark.parametrize("key", ON_POLICY)
def test_stable_baselines3s_callbacks(key: str, tmp_path: Path) -> None:
    vec_env = VecNormalize(make_vec_env(2), norm_reward=False)
    model = build(key, vec_env)
    evaluation = EvalCallback(
        VecNormalize(make_vec_env(1), norm_reward=False, training=False),
        n_eval_episodes=2,
        eval_freq=16,
        best_model_save_path=str(tmp_path / "best"),
        log_path=str(tmp_path / "evaluations"),
        callback_on_new_best=StopTrainingOnRewardThreshold(reward_threshold=1e9),
        callback_after_eval=StopTrainingOnNoModelImprovement(max_no_improvement_evals=50),
        verbose=0,
    )
    checkpoints = CheckpointCallback(16, str(tmp_path), name_prefix="m", save_vecnormalize=True)
    logged = record(model)
    model.learn(96, callback=CallbackList([evaluation, checkpoints]), progress_bar=True)
    assert len(logged.values["eval/mean_reward"]) >= 1
    assert {path.name for path in tmp_path.glob("m_*")} == {
        *(f"m_{n}_steps.zip" for n in (32, 64, 96)),
        *(f"m_vecnormalize_{n}_steps.pkl" for n in (32, 64, 96)),
    }
    for file in (tmp_path / "best/best_model.zip", tmp_path / "m_96_steps.zip"):
        assert type(model).load(file, device="cpu").num_timesteps <= 96
    stopped = build(key, make_env()).learn(10_000, callback=StopTrainingOnMaxEpisodes(2))
    assert stopped.num_timesteps == 14


# ---------------------------------------------------------------------- the model's own methods


@pytest.mark.parametrize("key", ON_POLICY)
def test_predict_and_evaluate(key: str) -> None:
    for kwargs in ({}, {"policy_kwargs": {"action_distribution": "beta"}}, {"policy_kwargs": TANH_SAMPLED}):
        model = build(key, **kwargs).learn(16)
        observations = observations_of(model)
        actions, state = model.predict(observations, deterministic=True)
        assert state is None
        assert actions.shape == (5, 2)
        assert all(model.action_space.contains(action) for action in actions)
        assert np.array_equal(actions, model.predict(observations, deterministic=True)[0])
        drawn = [model.predict(observations)[0] for _ in range(2)]
        assert not np.array_equal(*drawn)
        assert all(model.action_space.contains(action) for action in drawn[0])
        returns, lengths = evaluate_policy(model, make_vec_env(1), n_eval_episodes=3, return_episode_rewards=True)
        assert lengths == [5, 5, 5]
        assert np.isfinite(returns).all()


@pytest.mark.parametrize("key", ON_POLICY)
def test_set_env_get_and_set_parameters(key: str) -> None:
    model, other = build(key, seed=1).learn(32), build(key, seed=2)
    other.set_parameters(model.get_parameters())
    assert_same_state(other, model)
    assert model.get_parameters().keys() == {"policy", "policy.optimizer"}
    model.set_env(make_env(length=3))
    model.learn(32, reset_num_timesteps=False)
    assert model.num_timesteps == 64
    assert model.ep_info_buffer[-1]["l"] == 3
    with pytest.raises(ValueError, match="Action spaces do not match"):
        model.set_env(make_env(actions="discrete"))


@pytest.mark.parametrize("key", ON_POLICY)
def test_learning_again_starts_again(key: str) -> None:
    model = build(key, ent_coef="lin_0.5")
    logged = record(model)
    model.learn(32, log_interval=1)
    assert logged.values["train/ent_coef"] == pytest.approx([0.25, 0.0])
    assert model.learn(32).num_timesteps == 32
    model.learn(32, reset_num_timesteps=False)
    assert model.num_timesteps == 64
    assert th.isfinite(model.policy.action_net.weight).all()


@pytest.mark.parametrize("key", ON_POLICY)
def test_it_says_what_it_does_if_asked(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    build(key, verbose=1).learn(32, log_interval=1)
    said = capsys.readouterr().out
    assert "Using cpu device" in said
    for name in ("entropy ", "ent_coef ", "soft_return", "ep_rew_mean", "outside_box"):
        assert name in said
