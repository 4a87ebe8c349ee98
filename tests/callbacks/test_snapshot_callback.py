"""Which θ is kept of which step, by a second look at the training; and that the training does not notice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from sb3_contrib import QRDQN, TRPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger, configure
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy import SA2C, SPPO
from sb3_entropy.callbacks import SnapshotArchive, SnapshotCallback

ON_POLICY = {
    "ppo": (PPO, {"n_steps": 16, "batch_size": 16, "n_epochs": 2}),
    "a2c": (A2C, {"n_steps": 5}),
    "trpo": (TRPO, {"n_steps": 16, "batch_size": 16}),
    "sppo": (SPPO, {"n_steps": 16, "batch_size": 16, "n_epochs": 2, "ent_coef": "auto_0.1"}),
    "sa2c": (SA2C, {"n_steps": 5}),
}
REPLAY = {"learning_starts": 8, "buffer_size": 200, "batch_size": 8}
OFF_POLICY = {cls.__name__.lower(): (cls, REPLAY) for cls in (SAC, TD3, DDPG)}
GREEDY = {cls.__name__.lower(): (cls, {**REPLAY, "target_update_interval": 20}) for cls in (DQN, QRDQN)}
EVERY: dict[str, tuple[Any, dict[str, Any]]] = {**ON_POLICY, **OFF_POLICY, **GREEDY}


def make(key: str, n_envs: int = 1, normalised: bool = False, **kwargs: Any) -> Any:
    set_random_seed(3)
    cls, own = EVERY[key]
    env: Any = make_vec_env("CartPole-v1" if key in GREEDY else "Pendulum-v1", n_envs, seed=3)
    env = VecNormalize(env) if normalised else env
    own = {"learning_rate": 0.01, **own, **kwargs}
    if cls is TRPO:
        del own["learning_rate"]
    return cls("MlpPolicy", env, seed=3, device="cpu", policy_kwargs={"net_arch": [8]}, **own)


def bits(policy: Any) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in policy.state_dict().items()}


def bits_of(theta: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in theta.items()}


class Acting(BaseCallback):
    """θ that has taken each step, and the statistics then."""

    def __init__(self) -> None:
        super().__init__()
        self.theta: dict[int, dict[str, bytes]] = {}
        self.means: dict[int, np.ndarray] = {}

    def _on_step(self) -> bool:
        for step in range(self.num_timesteps - self.model.n_envs + 1, self.num_timesteps + 1):
            self.theta[step] = bits(self.model.policy)
            if (normalization := self.model.get_vec_normalize_env()) is not None:
                self.means[step] = normalization.obs_rms.mean.copy()  # type: ignore[union-attr]
        return True


@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("key", EVERY)
def test_theta_of_a_step_is_that_which_took_it(key: str, n_envs: int, tmp_path: Path) -> None:
    model = make(key, n_envs, normalised=True)
    first, seen = bits(model.policy), Acting()
    model.learn(60, callback=[SnapshotCallback(tmp_path / "θ", every=20, at=[7, 33]), seen])
    archive = SnapshotArchive(tmp_path / "θ")
    end = model.num_timesteps
    assert archive.steps == sorted({0, 7, 20, 33, 40, 60, *range(80, end, 20), end})
    assert bits_of(archive.theta(0)) == first
    assert bits_of(archive.theta(end)) == bits(model.policy) != seen.theta[end]
    for step in archive.steps[1:-1]:
        assert bits_of(archive.theta(step)) == seen.theta[step]
        assert np.array_equal(archive.statistics(step)["obs_rms.mean"], seen.means[step])
    assert len({str(bits_of(archive.theta(step))) for step in archive.steps}) >= 3
    assert archive.damage() == {}
    archive.put_into(model, step=20)
    assert bits(model.policy) == seen.theta[20]
    assert np.array_equal(model.env.obs_rms.mean, seen.means[20])


class Rollouts(BaseCallback):
    """What was done in each rollout, and the log-probabilities under which it was done."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, tuple[np.ndarray, ...]] = {}

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        buffer = self.model.rollout_buffer  # type: ignore[attr-defined]
        self.seen[self.num_timesteps] = tuple(
            np.array(array).reshape(16, -1) for array in (buffer.observations, buffer.actions, buffer.log_probs)
        )


@pytest.mark.parametrize("key", ["ppo", "sppo"])
def test_theta_of_a_rollouts_end_has_collected_it(key: str, tmp_path: Path) -> None:
    """The log-probabilities that the rollout's own policy has written down come out again."""
    model, rollouts = make(key), Rollouts()
    model.learn(64, callback=[rollouts, SnapshotCallback(tmp_path / "θ", every=16, at_end=False)])
    archive = SnapshotArchive(tmp_path / "θ")
    assert archive.steps == [0, 16, 32, 48, 64]
    for step, (observations, actions, log_probs) in rollouts.seen.items():
        for each in archive.steps[1:]:
            archive.put_into(model, each)
            with th.no_grad():
                found = model.policy.evaluate_actions(th.as_tensor(observations), th.as_tensor(actions))[1]
            close = np.allclose(found.numpy(), log_probs[:, 0], rtol=0, atol=1e-5)
            assert close == (each == step)


def everything(model: Any) -> tuple[Any, ...]:
    """:return: parameters, the state of all optimizers, and the global generators, to the bit"""
    optimizers = [
        {key: value.numpy().tobytes() if isinstance(value, th.Tensor) else value for key, value in state.items()}
        for name, parameters in model.get_parameters().items()
        if "optimizer" in name
        for state in parameters["state"].values()
    ]
    assert optimizers
    return bits(model.policy), optimizers, th.get_rng_state().tolist(), np.random.get_state()[1].tolist()


WATCHED: dict[str, Callable[[], Any]] = {
    "sppo": lambda: make("sppo", 2, normalised=True),
    "sppo, on the general path": lambda: make("sppo", 2, fast=False),
    "ppo": lambda: make("ppo", 2, normalised=True),
    "ppo, gSDE": lambda: make("ppo", 2, use_sde=True),
    "sac": lambda: make("sac", 2, normalised=True),
    "td3": lambda: make("td3"),
    "dqn": lambda: make("dqn"),
}


@pytest.mark.parametrize("name", WATCHED)
def test_the_training_does_not_notice(name: str, tmp_path: Path) -> None:
    found = []
    for callback in (None, SnapshotCallback(tmp_path / "θ", every=7)):
        model = WATCHED[name]().learn(64, callback=callback)
        found.append(everything(model))
    assert found[0] == found[1]
    assert SnapshotArchive(tmp_path / "θ").steps == [*range(0, 64, 7), 64]
    assert (getattr(model, "_flat_policy", None) is not None) == (name == "sppo")


def test_a_training_goes_on_in_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "θ"
    model = make("ppo").learn(32, callback=SnapshotCallback(folder, every=10, verbose=1))
    archive = SnapshotArchive(folder)
    lines = capsys.readouterr().out.splitlines()
    assert archive.steps == [0, 10, 20, 30, 32]
    assert [line.split(" kept")[0] for line in lines] == [f"θ of step {step}" for step in archive.steps]
    assert lines[1] == f"θ of step 10 kept in {folder}, 0 bytes of it anew"  # the first rollout's θ is that of step 0
    last = archive.theta(32)
    model.save(tmp_path / "agent")
    again = PPO.load(tmp_path / "agent", env=model.env, device="cpu")
    again.learn(32, callback=SnapshotCallback(folder, every=10, at_end=False), reset_num_timesteps=False)
    assert archive.steps == [0, 10, 20, 30, 32, 40, 50, 60]
    assert bits_of(archive.theta(32)) == bits_of(last) == bits_of(archive.theta(40))
    # Elsewhere it begins with what it begins with.
    PPO.load(tmp_path / "agent", env=model.env).learn(
        8, callback=SnapshotCallback(tmp_path / "other", every=10), reset_num_timesteps=False
    )
    other = SnapshotArchive(tmp_path / "other")
    assert other.steps == [32, 40, 48]
    assert bits_of(other.theta(32)) == bits_of(last)


def test_another_training_is_refused_in_its_folder(tmp_path: Path) -> None:
    folder, callback = tmp_path / "θ", SnapshotCallback(tmp_path / "θ", every=10)
    model = make("ppo").learn(32, callback=callback)
    assert callback.archive is not None
    theta, kept = bits(model.policy), {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(ValueError, match=r"θ has snapshots of a training, of steps 0 to 32, and this one begins at 0\. "
    r"Give another folder, .* reset_num_timesteps=False"):  # fmt: skip
        model.learn(32, callback=callback)
    callback.on_training_end()  # as rl-zoo does after any error
    make("ppo").save(tmp_path / "young")
    young = PPO.load(tmp_path / "young", env=model.env)
    young.num_timesteps = 16
    with pytest.raises(ValueError, match=r"has snapshots up to step 32, and the training goes on from 16\. Give .*"
    r"SnapshotArchive\('.*θ'\)\.remove_after\(16\)"):  # fmt: skip
        young.learn(32, callback=callback, reset_num_timesteps=False)
    assert bits(model.policy) == theta
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == kept
    callback.archive.remove_after(16)
    young.learn(16, callback=callback, reset_num_timesteps=False)
    assert SnapshotArchive(folder).steps == [0, 10, 20, 30, 32]
    wider = make("ppo", batch_size=32)
    wider.policy = SPPO("MlpPolicy", "Pendulum-v1", n_steps=8, batch_size=8, policy_kwargs={"net_arch": [9]}).policy
    wider.num_timesteps = 32
    with pytest.raises(ValueError, match="holds snapshots of another policy"):
        wider.learn(16, callback=SnapshotCallback(folder, every=10), reset_num_timesteps=False)


def test_nothing_is_kept_that_was_not_trained(tmp_path: Path) -> None:
    folder = tmp_path / "θ"
    model = make("ppo").learn(32, callback=SnapshotCallback(folder, at=[5, 5, 100], at_end=False))
    assert SnapshotArchive(folder).steps == [5]
    before = (folder / "theta_0000000005.npz").read_bytes()
    model.learn(0, callback=SnapshotCallback(folder), reset_num_timesteps=False)
    assert SnapshotArchive(folder).steps == [5]
    assert (folder / "theta_0000000005.npz").read_bytes() == before
    SnapshotCallback(folder).on_training_end()  # of which no training has begun

    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps < 6

    make("ppo").learn(32, callback=[SnapshotCallback(tmp_path / "cut", every=4), Stop()])
    assert SnapshotArchive(tmp_path / "cut").steps == [0, 4, 6]


def test_beside_the_logs(tmp_path: Path) -> None:
    model = make("ppo", tensorboard_log=str(tmp_path / "tb"))
    for _ in range(2):
        model.learn(16, callback=SnapshotCallback(every=8))
    model.learn(16, callback=SnapshotCallback(every=8), reset_num_timesteps=False)
    assert SnapshotArchive(tmp_path / "tb" / "PPO_1" / "snapshots").steps == [0, 8, 16]
    assert SnapshotArchive(tmp_path / "tb" / "PPO_2" / "snapshots").steps == [0, 8, 16, 24, 32]
    model = make("ppo")
    model.set_logger(configure(str(tmp_path / "own"), ["csv"]))
    model.learn(16, callback=SnapshotCallback())
    assert SnapshotArchive(tmp_path / "own" / "snapshots").steps == [0, 16]
    for model in (make("ppo"), make("ppo")):
        with pytest.raises(ValueError, match=r"SnapshotCallback needs a folder, .* or the model a tensorboard_log"):
            model.learn(16, callback=SnapshotCallback())
        model.set_logger(Logger(None, []))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"every": 0}, ValueError, "every must be a whole number ≥ 1, but 0 was given"),
        ({"every": 0.5}, TypeError, "every must be a whole number"),
        ({"at": [0, -1]}, ValueError, "at must be a whole number ≥ 0, but -1 was given"),
        ({"at": ["end"]}, TypeError, "at must be a whole number ≥ 0, but 'end'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SnapshotCallback("θ", **arguments)
