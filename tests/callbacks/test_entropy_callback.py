"""The entropy of anybody's policy in the log, confirmed by hand, and a training that does not notice."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from sb3_contrib import RecurrentPPO
from scipy import stats
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import VecNormalize
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sb3_entropy import SPPO
from sb3_entropy.callbacks import EntropyCallback

KEYS = ["train/std", "train/std_min", "train/std_max", "train/outside_box"]
KEYS += ["train/entropy", "train/entropy_q10", "train/entropy_q50", "train/entropy_q90"]


def keys(use_sde: bool) -> list[str]:
    """With gSDE SAC itself writes ``train/std``, of another σ."""
    return [key.replace("/std", "/action_std") for key in KEYS] if use_sde else KEYS


def environments(normalised: bool = False) -> Any:
    env = make_vec_env("Pendulum-v1", n_envs=2, seed=0)
    return VecNormalize(env) if normalised else env


def sac(env: Any, **kwargs: Any) -> SAC:
    own = {
        "learning_starts": 20,
        "batch_size": 16,
        "buffer_size": 1000,
        "learning_rate": 0.01,
        "policy_kwargs": {"net_arch": [8]},
    }
    return SAC("MlpPolicy", env, seed=0, device="cpu", **{**own, **kwargs})  # type: ignore[arg-type]


def ppo(env: Any, **kwargs: Any) -> PPO:
    own: dict[str, Any] = {"n_steps": 32, "batch_size": 16, "n_epochs": 2, "learning_rate": 0.01}
    return PPO("MlpPolicy", env, seed=0, device="cpu", policy_kwargs={"net_arch": [8]}, **{**own, **kwargs})


def parameters_in(file: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        tensors = th.load(io.BytesIO(archive.read("policy.pth")), weights_only=True)
    return {name: tensor.double().numpy() for name, tensor in tensors.items()}


def numbers_by_hand(theta: dict[str, np.ndarray], observations: np.ndarray, use_sde: bool) -> dict[str, float]:
    """
    SAC's policy with one hidden layer, by NumPy. Pendulum's box is [−2, 2], so the action is 2 tanh u: the entropy
    −∫ N(u) [log N(u) − log(2 (1 − tanh² u))] du is a sum over a grid of u.
    """
    latent = np.maximum(observations @ theta["actor.latent_pi.0.weight"].T + theta["actor.latent_pi.0.bias"], 0)
    if use_sde:
        mean = np.clip(latent @ theta["actor.mu.0.weight"].T + theta["actor.mu.0.bias"], -2, 2)
        std = np.sqrt(latent**2 @ np.exp(theta["actor.log_std"]) ** 2 + 1e-6)
    else:
        mean = latent @ theta["actor.mu.weight"].T + theta["actor.mu.bias"]
        std = np.exp(np.clip(latent @ theta["actor.log_std.weight"].T + theta["actor.log_std.bias"], -20, 2))
    z = np.linspace(-9, 9, 2001)
    u = mean + std * z
    slope = 2 * (np.log(2) - u - np.logaddexp(0, -2 * u))  # log(1 − tanh² u)
    weights = stats.norm.pdf(z) * (z[1] - z[0])
    entropy = (weights * (slope + np.log(2) + np.log(std) - stats.norm.logpdf(z))).sum(axis=1)
    low, middle, high = np.quantile(entropy, [0.1, 0.5, 0.9])
    of_std = [std.mean(), std.min(), std.max()]
    return dict(zip(keys(use_sde), [*of_std, 0.0, entropy.mean(), low, middle, high], strict=True))


@pytest.mark.parametrize("use_sde", [False, True])
@pytest.mark.parametrize("normalised", [False, True])
def test_a_stock_sac_from_its_file(use_sde: bool, normalised: bool, tmp_path: Path) -> None:
    """What rl-zoo's SAC saves is loaded by Stable-Baselines3, trained on under the callback, and worked out by hand."""
    env = environments(normalised)
    sac(env, use_sde=use_sde).learn(30).save(tmp_path / "stock")
    model = SAC.load(tmp_path / "stock", env=env, device="cpu", tensorboard_log=str(tmp_path / "logs"))
    callback = EntropyCallback(eval_freq=50)
    model.learn(120, callback=callback)
    model.save(tmp_path / "trained")
    seen = np.array(model.replay_buffer.observations[: model.replay_buffer.pos], dtype=float).reshape(-1, 3)
    assert len(seen) == 120
    if normalised:
        rms = env.obs_rms
        seen = np.clip((seen - rms.mean) / np.sqrt(rms.var + env.epsilon), -env.clip_obs, env.clip_obs)
    expected = numbers_by_hand(parameters_in(tmp_path / "trained.zip"), seen, use_sde)
    assert [point.timesteps for point in callback.history] == [50, 100, 120]
    assert callback.history[-1].values == pytest.approx(expected, abs=5e-5)
    assert expected["train/entropy_q90"] - expected["train/entropy_q10"] > 5e-3
    _, least, greatest = keys(use_sde)[:3]
    assert expected[greatest] - expected[least] > 5e-3
    written = EventAccumulator(str(next((tmp_path / "logs").iterdir()))).Reload()
    for key in keys(use_sde):
        events = written.Scalars(key)
        assert [event.step for event in events] == [50, 100, 120]
        assert [event.value for event in events] == pytest.approx([p.values[key] for p in callback.history], rel=1e-6)


MODELS: dict[str, Callable[[], Any]] = {
    "sac": lambda: sac(environments()),
    "sac, gSDE, normalised": lambda: sac(environments(True), use_sde=True, sde_sample_freq=7),
    "ppo": lambda: ppo(environments()),
    "ppo, gSDE, normalised": lambda: ppo(environments(True), use_sde=True),
    "td3": lambda: TD3(
        "MlpPolicy", environments(), learning_starts=20, batch_size=16, seed=0, policy_kwargs={"net_arch": [8]}
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_training_does_not_notice(name: str) -> None:
    found = []
    for callback in (None, EntropyCallback(eval_freq=10)):
        model = MODELS[name]().learn(128 if "ppo" in name else 60, callback=callback)
        generators = th.get_rng_state().tolist(), np.random.get_state()[1].tolist()
        found.append(({n: t.numpy().tobytes() for n, t in model.policy.state_dict().items()}, generators))
        if callback is not None:
            assert len(callback.history) > 2
            values = [point.values[keys(name.startswith("sac, gSDE"))[0]] for point in callback.history]
            assert len(set(values)) > 1 or name == "td3"
    assert found[0] == found[1]


class Written(KVWriter):
    """All that is written, in order."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, Any]]] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        self.rows.append((step, {key: key_values[key] for key in KEYS if key in key_values}))

    def close(self) -> None:
        """There is nothing to close."""


def test_it_says_what_our_algorithms_say() -> None:
    model = SPPO("MlpPolicy", environments(), n_steps=16, batch_size=16, seed=0, policy_kwargs={"net_arch": [8]})
    written, callback = Written(), EntropyCallback(eval_freq=1)
    model.set_logger(Logger(None, [written]))
    model.learn(96, log_interval=1, callback=callback)
    assert [step for step, _ in written.rows] == [32, 32, 64, 64, 96, 96, 96, 96]
    assert written.rows[::2] == written.rows[1::2]
    assert written.rows[::2] == [(point.timesteps, point.values) for point in callback.history]
    assert len({row["train/entropy"] for _, row in written.rows}) == 4


def test_it_looks_every_so_often_and_starts_anew(capsys: pytest.CaptureFixture[str]) -> None:
    callback = EntropyCallback(eval_freq=100, verbose=1)
    model = ppo(environments())
    model.learn(256, callback=callback)
    assert [point.timesteps for point in callback.history] == [128, 256, 256]
    first = callback.history[0].values
    assert f"policy after 128 steps: std {first['train/std']:.4g}, std_min" in capsys.readouterr().out
    model.learn(64, callback=callback, reset_num_timesteps=False)
    assert [point.timesteps for point in callback.history] == [128, 256, 256, 320, 320]
    model.learn(64, callback=callback)
    assert [point.timesteps for point in callback.history] == [64]


def test_what_it_cannot_look_at_is_refused_before_training() -> None:
    recurrent = RecurrentPPO(
        "MlpLstmPolicy", environments(), n_steps=8, batch_size=8, policy_kwargs={"lstm_hidden_size": 4}
    )
    with pytest.raises(TypeError, match=r"by the observation alone.*RecurrentActorCriticPolicy was given"):
        recurrent.learn(16, callback=EntropyCallback())
    assert recurrent.num_timesteps == 0
    model = sac(environments())
    model.replay_buffer = None
    with pytest.raises(ValueError, match=r"EntropyCallback looks at .* rollout or replay buffer, but SAC has none"):
        EntropyCallback().init_callback(model)
    with pytest.raises(ValueError, match="eval_freq must be a whole number ≥ 1"):
        EntropyCallback(eval_freq=0)
    with pytest.raises(TypeError, match="eval_freq"):
        EntropyCallback(eval_freq="often")  # type: ignore[arg-type]
