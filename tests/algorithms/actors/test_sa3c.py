"""SA3C is SA2C where nothing lags, its gradients are those of a loss written anew, and what lags is descended."""

import pickle
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from contracts.envs import make_vec_env
from contracts.models import assert_same_state, parameters, record
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from sb3_entropy import SA2C, SA3C
from sb3_entropy.algorithms.actors import setup
from sb3_entropy.callbacks import EntropyCallback
from sb3_entropy.engines.serial import SerialActor, SerialEngine
from sb3_entropy.landscape.objectives.surrogate import SurrogateObjective

NETS = {"net_arch": [8]}
PREVIOUS = {"divergence": "kl", "reference": "previous", "coef": "lin_0.3"}
AVERAGE = {"divergence": "kl", "reference": "ema", "reference_kwargs": {"decay": 0.5}}


class Normed(FlattenExtractor):
    """Features with running means, which are buffers and not parameters."""

    def __init__(self, space: Any):
        super().__init__(space)
        self.norm = th.nn.BatchNorm1d(self.features_dim)

    def forward(self, observations: th.Tensor) -> th.Tensor:
        return self.norm(super().forward(observations))


def environments(actions: str = "discrete", normalized: bool = False) -> VecEnv:
    env = make_vec_env(2, actions=actions, truncates=True)
    return VecNormalize(env) if normalized else env


def made(cls: type, env: VecEnv | None = None, **given: Any) -> Any:
    settings = {"policy_kwargs": NETS, "seed": 3, "ent_coef": 0.05, "device": "cpu", **given}
    return cls("MlpPolicy", environments() if env is None else env, **settings)


CASES: dict[str, dict[str, Any]] = {
    "a number": {},
    "general path": {"fast": False, "soft_gradient": "log_prob", "normalize_advantage": True},
    "tuned": {"ent_coef": "auto_0.1", "entropy_in_return": False},
    "scheduled": {"ent_coef": "lin_0.1", "gae_lambda": 0.9, "vf_coef": 0.3, "max_grad_norm": 0.01},
    "no entropy": {"ent_coef": 0.0, "use_rms_prop": False},
    "repels": {"regularizers": [{**PREVIOUS, "mode": "repel", "cap": 1.0}]},
    "attracts": {"regularizers": [PREVIOUS, {**AVERAGE, "coef": "auto", "target_divergence": 1e-3}]},
    "share": {"regularizers": [{**AVERAGE, "coef": "share_0.3"}]},
    "running means": {"policy_kwargs": {**NETS, "features_extractor_class": Normed}},
}


@pytest.mark.parametrize("actions", ["discrete", "box"])
@pytest.mark.parametrize("case", CASES)
def test_one_actor_is_sa2c(case: str, actions: str) -> None:
    """Parameters and the optimiser's state to the last bit, and all that is logged of updates, after six of them."""
    models, logs = [], []
    for cls, own in ((SA2C, {}), (SA3C, {"n_actors": 1})):
        model = made(cls, environments(actions), **CASES[case], **own)
        logs.append(record(model))
        models.append(model.learn(60, log_interval=1))
    assert_same_state(models[1], models[0])
    stock, found = (log.values for log in logs)
    compared = [key for key in stock if not key.startswith("time/")]
    assert {"train/policy_loss", "train/explained_variance", "train/entropy", "train/loss"} <= {*compared}
    # SA2C's update has put the rollout into another order, in which states are looked at and variances summed.
    ordered = [
        key for key in compared if key.startswith(("train/explained", "train/entropy", "train/std", "train/out"))
    ]
    ordered.remove("train/entropy_loss")
    for key in ordered:
        np.testing.assert_allclose(found[key], stock[key], rtol=1e-4)
        compared.remove(key)
    assert ("rollout/soft_return" in stock) == (case != "no entropy")
    assert [key for key in compared if not np.array_equal(found[key], stock[key], equal_nan=True)] == []
    assert set(found["actors/policy_lag"]) == {0.0}


class Regularize(BaseCallback):
    """Puts a regulariser where there was none, when a gradient has come that knows nothing of it."""

    def _on_step(self) -> bool:
        if self.n_calls == 3:
            self.model.regularizers = [AVERAGE]
        return True


def test_changed_arguments_reach_the_actors() -> None:
    """Those of the losses go with the weights: the environments go on, as in SA2C."""
    models = []
    for cls, own in ((SA2C, {}), (SA3C, {"n_actors": 1})):
        model = made(cls, ent_coef=0.0, **own).learn(20)
        model.set_arguments(ent_coef="auto_0.3", vf_coef=0.1, gae_lambda=0.5, entropy_in_return=False)
        model.set_arguments(normalize_advantage=True, ent_coef_unit="normalised")
        models.append(model.learn(30, reset_num_timesteps=False))
    assert_same_state(models[1], models[0])
    log = record(models[1])
    models[1].learn(40, Regularize(), reset_num_timesteps=False, log_interval=1)
    assert log.values["train/kl_ema"]


# ---------------------------------------------------------------------- the gradient


class Seen(BaseCallback):
    """Keeps the learner's parameters and gradients of each update."""

    def __init__(self) -> None:
        super().__init__()
        self.thetas: list[dict[str, th.Tensor]] = []
        self.gradients: list[list[np.ndarray]] = []
        self.rollouts: list[dict[str, np.ndarray]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        buffer = self.model.rollout_buffer
        self.thetas.append(parameters(self.model))
        self.gradients.append([gradient.values for gradient in self.model._gradients])
        names = ("observations", "actions", "rewards", "episode_starts")
        self.rollouts.append({name: getattr(buffer, name).copy() for name in names})
        self.rollouts[-1] |= {"last": self.model._last_obs.copy(), "dones": self.locals["dones"].copy()}


def loss_written_anew(policy: Any, rollout: dict[str, np.ndarray], alpha: float, gamma: float) -> th.Tensor:
    """−mean(A log π) + ½ mean((R − V)²) − α mean(H), R the sum of discounted r + αH up to the episode's end, then V."""
    n_steps, n_envs = rollout["rewards"].shape
    observations = th.as_tensor(rollout["observations"]).reshape(n_steps * n_envs, -1)
    law = policy.get_distribution(observations).distribution
    entropy = law.entropy().reshape(n_steps, n_envs)
    log_prob = law.log_prob(th.as_tensor(rollout["actions"]).flatten()).reshape(n_steps, n_envs)
    values = policy.predict_values(observations).reshape(n_steps, n_envs)
    after = policy.predict_values(th.as_tensor(rollout["last"])).flatten().detach()
    ended = [*rollout["episode_starts"][1:], rollout["dones"]]
    returns = []
    for t in reversed(range(n_steps)):
        goes_on = 1.0 - th.as_tensor(np.asarray(ended[t], np.float32))
        after = th.as_tensor(rollout["rewards"][t]) + alpha * entropy[t].detach() + gamma * goes_on * after
        returns.append(after)
    targets = th.stack(returns[::-1])
    advantages = targets - values.detach()
    return -(advantages * log_prob).mean() + 0.5 * ((targets - values) ** 2).mean() - alpha * entropy.mean()


@pytest.mark.parametrize("delay", [0, 2])
def test_gradients_are_those_of_the_loss_at_the_actors_parameters(delay: int) -> None:
    """By autograd on a loss that is written anew; the step is taken from the learner's own parameters."""
    seen = Seen()
    kwargs = {**NETS, "optimizer_class": th.optim.SGD}
    given = {"policy_kwargs": kwargs, "max_grad_norm": 1e6, "learning_rate": 0.05, "ent_coef": 0.2}
    model = made(SA3C, n_actors=1, weights_delay=delay, **given).learn(60, callback=seen)
    learner = made(SA2C, policy_kwargs=kwargs).policy
    names = [name for name, _ in learner.named_parameters()]
    thetas = [*seen.thetas, parameters(model)]
    for k, ((sent,), rollout) in enumerate(zip(seen.gradients, seen.rollouts, strict=True)):
        learner.load_state_dict(thetas[max(k - delay, 0)])
        learner.zero_grad()
        loss_written_anew(learner, rollout, 0.2, 0.99).backward()
        expected = th.cat([parameter.grad.flatten() for parameter in learner.parameters()])
        assert expected.norm() > 1e-3
        np.testing.assert_allclose(sent, expected, rtol=1e-4, atol=1e-6)
        step = th.cat([(thetas[k + 1][name] - thetas[k][name]).flatten() for name in names])
        np.testing.assert_allclose(step, -0.05 * sent, rtol=1e-3, atol=1e-6)


def test_several_fragments_give_the_mean_of_their_gradients() -> None:
    """Which is the gradient of the loss on all of them."""
    seen = Seen()
    model = made(SA3C, n_actors=2, n_fragments=2, ent_coef=0.2).learn(40, callback=seen)
    learner = made(SA2C).policy
    for theta, sent, rollout in zip(seen.thetas, seen.gradients, seen.rollouts, strict=True):
        assert len(sent) == 2
        assert not np.allclose(*sent)
        learner.load_state_dict(theta)
        learner.zero_grad()
        loss_written_anew(learner, rollout, 0.2, 0.99).backward()
        expected = th.cat([parameter.grad.flatten() for parameter in learner.parameters()])
        np.testing.assert_allclose(np.mean(sent, axis=0), expected, rtol=1e-4, atol=1e-6)
    assert model._n_updates == 2


def test_running_means_move_by_what_all_actors_have_seen() -> None:
    seen = Seen()
    kwargs = {**NETS, "features_extractor_class": Normed}
    model = made(SA3C, n_actors=2, n_fragments=2, policy_kwargs=kwargs).learn(20, callback=seen)
    (rollout,) = seen.rollouts
    norm = model.policy.features_extractor.norm
    observations = rollout["observations"].reshape(20, -1)
    np.testing.assert_allclose(norm.running_mean, 0.1 * observations.mean(0), rtol=1e-4, atol=1e-6)
    assert norm.num_batches_tracked == 1


# ---------------------------------------------------------------------- engines and lag


class Travelling(SerialEngine):
    """All that goes to actors and comes from them is pickled, as with processes; the last that is asked comes first."""

    def _spawn(self, *args: Any) -> Any:
        return TravellingActor(self._shares.resolve, *args)

    def _wait(self, answers: list[Any], count: int, timeout: float | None) -> list[Any]:
        return answers[-1:]


class TravellingActor(SerialActor):
    """One of them."""

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        answer: Any = Future()
        there = super().call(method, *pickle.loads(pickle.dumps(self._resolve(args))), **kwargs)
        answer.set_result(pickle.loads(pickle.dumps(there.result())))
        return answer


@pytest.mark.parametrize("travels", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["played", "processes"])
def test_processes_compute_what_one_process_does(monkeypatch: pytest.MonkeyPatch, travels: bool) -> None:
    """Where nothing lags, with the learner's normalisation, and a policy that a regulariser remembers."""
    models = []
    for engine in ("serial", "process"):
        given = {"ent_coef": "auto_0.1", "regularizers": [PREVIOUS], "n_actors": 2, "n_fragments": 2}
        model = made(SA3C, environments("box", normalized=True), engine=engine, **given)
        models.append(model.learn(60))
        model.close()
        if travels:
            monkeypatch.setattr(setup, "make_engine", lambda *_: Travelling())
    assert_same_state(models[1], models[0])
    assert models[1].temperature == models[0].temperature
    assert models[1].env.obs_rms.mean.tolist() == models[0].env.obs_rms.mean.tolist()


def test_staleness_is_logged_and_a_seed_gives_the_same_again() -> None:
    models, logs = [], []
    for _ in range(2):
        models.append(made(SA3C, n_actors=3))
        logs.append(record(models[-1]))
        models[-1].learn(80, log_interval=1)
    assert logs[0].values["actors/policy_lag"] == [0.0, 1.0, *[2.0] * 6]  # each waits for the two before it
    assert_same_state(models[1], models[0])
    one = made(SA3C, n_actors=1).learn(80)
    assert any(not th.equal(parameters(one)[name], value) for name, value in parameters(models[0]).items())


def test_gradients_that_lag_too_much_are_dropped() -> None:
    model = made(SA3C, n_actors=3).learn(40)
    assert model.n_dropped_fragments == 0
    model.max_policy_lag = 1  # two are under way, of which one will lag more
    log = record(model)
    model.learn(40, reset_num_timesteps=False, log_interval=1)
    assert model.n_dropped_fragments == log.values["actors/dropped_fragments"][-1] == 1
    assert max(log.values["actors/policy_lag"]) == 1.0
    assert model.num_timesteps == 80
    assert model._n_updates == 7  # of eight fragments


# ---------------------------------------------------------------------- what is sent, and what is kept


class Locals(BaseCallback):
    """Keeps the names of what callbacks see."""

    def _on_step(self) -> bool:
        self.names = set(self.locals)
        return True


def test_observations_may_stay_where_they_are(tmp_path: Path) -> None:
    """Nothing is learned from those that are sent."""
    given = {"n_actors": 2, "n_steps": 40, "ent_coef": "auto_0.1"}
    models, logs, seen = [], [], []
    for sends in (True, False):
        models.append(made(SA3C, send_observations=sends, **given))
        logs.append(record(models[-1]))
        seen.append(Locals())
        models[-1].learn(240, callback=[seen[-1], EntropyCallback()], log_interval=1)
    assert_same_state(models[1], models[0])
    assert seen[0].names - seen[1].names == {"obs_tensor", "new_obs"}
    buffer = models[1].rollout_buffer
    assert buffer.observations is None
    assert buffer.states.shape == (32, 3)
    same = ("rollout/soft_return", "train/ent_coef", "train/explained_variance", "train/loss")
    assert all(np.array_equal(logs[1].values[key], logs[0].values[key], equal_nan=True) for key in same)
    np.testing.assert_allclose(logs[1].values["train/entropy"], logs[0].values["train/entropy"], atol=0.05)
    SurrogateObjective.of(models[0])
    with pytest.raises(ValueError, match=r"SA3C has no observations: its actors have kept them\. Let it learn"):
        SurrogateObjective.of(models[1])
    models[1].save(tmp_path / "model")
    SA3C.load(tmp_path / "model", environments()).learn(80)
    models[1].send_observations = True
    models[1].learn(240, reset_num_timesteps=False)  # those under way are without; what is asked now is not
    assert models[1].rollout_buffer.observations is not None


def test_what_regularisers_remember_is_the_learners(tmp_path: Path) -> None:
    """It is saved with the model, and the actors that are made anew have it."""
    rule = {**AVERAGE, "coef": "auto_0.1", "target_divergence": 0.01}
    model = made(SA3C, n_actors=1, regularizers=[rule], ent_coef="auto_0.1").learn(60)
    model.save(tmp_path / "model")
    log = record(model)
    model.learn(10, reset_num_timesteps=False, log_interval=1)
    loaded = SA3C.load(tmp_path / "model", environments())
    assert loaded.temperature.n_seen == 60
    kept = loaded.active_regularizers[0]
    assert kept.coefficient.n_seen == 50  # of six updates the first has no reference
    assert kept.reference.average is not None
    again = record(loaded)
    loaded.learn(10, reset_num_timesteps=False, log_interval=1)
    assert again.values["train/kl_ema"][0] > 0
    assert again.values["train/kl_ema_coef"] == log.values["train/kl_ema_coef"][:1]
    assert loaded.num_timesteps == 70
