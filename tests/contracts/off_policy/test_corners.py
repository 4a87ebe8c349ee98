"""What lies where two features meet."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch as th
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

from contracts.envs import make_env
from contracts.models import OFF_POLICY, build, has_moved, parameters, record
from sb3_entropy import SDDPG
from sb3_entropy.algorithms.off_policy.plain_critics import own_generators

TUNED = {"divergence": "kl", "reference": "ema", "coef": "auto", "target_divergence": 0.001}


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_tuned_regulariser_outlives_a_training(key: str, tmp_path: Path) -> None:
    """λ is told of the steps since the last update, which are counted from 0 in every learn()."""
    model = build(key, regularizers=[TUNED]).learn(30).learn(20)
    seen = model.regularizers[0].coefficient.n_seen
    model.learn(20)
    assert model.regularizers[0].coefficient.n_seen == seen + 20
    model.save(tmp_path / "model")
    assert has_moved(type(model).load(tmp_path / "model", env=make_env()).learn(20), parameters(model))


@pytest.mark.parametrize("key", OFF_POLICY)
def test_gsde_with_a_target_actor(key: str) -> None:
    model = build(key, use_sde=True, use_target_actor=True)
    pairs = zip(model.actor.parameters(), model.actor_target.parameters(), strict=True)
    assert all(th.equal(one, other) for one, other in pairs)
    before = model.actor_target.action_dist.exploration_mat.clone()
    model.learn(30)
    assert not th.equal(model.actor_target.action_dist.exploration_mat, before)
    assert not th.equal(model.actor_target.log_std, model.actor.log_std)


class PredictsItself(SDDPG):
    """Somebody's subclass."""

    n_calls = 0

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Stable-Baselines3's, counted."""
        self.n_calls += 1
        return super().predict(*args, **kwargs)


def test_a_subclass_may_predict_otherwise() -> None:
    model = build(PredictsItself)
    log = record(model)
    model.learn(40, log_interval=1)
    assert model.n_calls == 40 - model.learning_starts
    assert th.isfinite(th.tensor(log.values["rollout/soft_return"])).all()
    other = build("sddpg")
    calls = []
    usual = other.predict
    other.predict = lambda *args, **kwargs: calls.append(1) or usual(*args, **kwargs)
    assert len(calls) == 0
    other.learn(40)
    assert len(calls) == 40 - other.learning_starts


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_file_takes_another_step_size_of_alpha(key: str, tmp_path: Path) -> None:
    build(key).learn(12).save(tmp_path / "model")
    stock = SAC("MlpPolicy", make_env(), policy_kwargs={"net_arch": [8]}, learning_starts=4, buffer_size=300)
    stock.learn(8).save(tmp_path / "stock")
    for name in ("model", "stock"):
        model = type(build(key)).load(tmp_path / name, env=make_env(), ent_coef_lr=0.1)
        assert model.ent_coef_optimizer.param_groups[0]["lr"] == 0.1
        model.learn(12)
        assert model.ent_coef_optimizer.param_groups[0]["lr"] == 0.1


def test_a_replay_buffer_of_other_returns(tmp_path: Path) -> None:
    for name, given in {"one": {}, "three": {"n_steps": 3}, "soft": {"n_steps": 3, "soft_n_step": True}}.items():
        build("sddpg", **given).learn(12).save_replay_buffer(tmp_path / name)
    for name, given in {"one": {"n_steps": 3}, "three": {"n_steps": 3, "soft_n_step": True}, "soft": {}}.items():
        model = build("sddpg", **given)
        held = model.replay_buffer
        with pytest.raises(ValueError, match=r"gives returns of n_steps=\d, but the model has n_steps=\d"):
            model.load_replay_buffer(tmp_path / name)
        assert model.replay_buffer is held
    model = build("sddpg", n_steps=3, gamma=0.5)
    model.load_replay_buffer(tmp_path / "three")
    assert model.replay_buffer.gamma == 0.5
    model.learn(12)


@pytest.mark.parametrize("fast", [False, "auto"])
@pytest.mark.parametrize("key", OFF_POLICY)
def test_another_policy_in_the_middle(key: str, fast: bool | str) -> None:
    """A callback that gives the model a copy of its policy leaves the training what it was."""

    class Copies(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 20:
                self.model.policy = copy.deepcopy(self.model.policy)
                self.model._create_aliases()
            return True

    soft = {"similarity_threshold": -1.0} if key == "sac_adaent" else {}
    plain = build(key, fast=fast, **soft).learn(30)
    copied = build(key, fast=fast, **soft).learn(30, callback=Copies())
    for name, tensor in parameters(plain).items():
        th.testing.assert_close(parameters(copied)[name], tensor, rtol=1e-5, atol=1e-6, msg=name)


def test_the_generators_of_the_device_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a GPU its generator is seeded by manual_seed, and so has to be put back."""
    asked: list[Any] = []
    monkeypatch.setattr(th.random, "fork_rng", lambda devices: asked.append(devices) or th.no_grad())
    with own_generators(th.device("cuda", 1)):
        pass
    with own_generators(th.device("cpu")):
        pass
    assert asked == [[th.device("cuda", 1)], []]
