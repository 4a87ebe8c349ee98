"""Models and replay buffers that are saved come back together, and go on as they would have gone."""

import copy
import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3 import SAC
from stable_baselines3.common import save_util
from stable_baselines3.common.callbacks import CheckpointCallback

from contracts.envs import make_env, make_vec_env
from contracts.every.test_saving import buffer_of, reload
from contracts.models import (
    OFF_POLICY,
    alpha,
    assert_equal_parameters,
    assert_same_state,
    build,
    has_moved,
    learned_state,
    observations_of,
    parameters,
    record,
)
from contracts.pairs import combinations
from sb3_entropy import SDDPG, SACAdaEnt
from sb3_entropy.registry import ALGORITHMS

ALPHAS: dict[str, dict[str, Any]] = {
    "fixed": {"ent_coef": 0.2},
    "auto": {"ent_coef": "auto_0.3"},
    "alpha": {"ent_coef": "auto_0.3", "ent_coef_gradient": "alpha", "ent_coef_lr": 0.01},
    "decay": {"ent_coef": "decay_1_0.9_0.01"},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "targets": {"use_target_actor": True, "use_target_critic": True},
    "n-steps": {"n_steps": 3, "soft_n_step": True},
    "gsde": {"use_sde": True},
}


def went_on(model: Any) -> Any:
    """:return: the model after a few steps of learning from its buffer, with random numbers that are given"""
    record(model)
    model.set_random_seed(3)
    model.train(4, 8)
    return model


def continued() -> list[Any]:
    """:return: algorithms with each α and each option, once in the quick tests"""
    return [
        pytest.param(
            *(key, kind, option),
            marks=() if (i + j + k) % 4 == 0 else pytest.mark.slow,
            id=f"{key}-{kind}-{option}",
        )
        for k, key in enumerate(OFF_POLICY)
        for i, kind in enumerate(ALPHAS)
        for j, option in enumerate(OPTIONS)
    ]


@pytest.mark.parametrize(("key", "kind", "option"), continued())
def test_a_loaded_model_goes_on_as_the_model_would(key: str, kind: str, option: str) -> None:
    settings = {**ALPHAS[kind], **OPTIONS[option], "learning_rate": 0.01}
    if key == "sac_adaent":
        settings |= {"similarity_threshold": 0.5, "plain_critic_init": "copy"}
    model = build(key, **settings).learn(20)
    model.predict(observations_of(model))  # its distribution has a gradient else, and PyTorch copies none
    loaded, copied = (reload(model, make_env()) for _ in range(2))
    for other in (loaded, copied):
        other.load_replay_buffer(buffer_of(model))
    if option != "gsde":  # whose exploration matrix has one too
        copied = copy.deepcopy(model)
    assert_same_state(loaded, model)
    assert_same_state(copied, model)
    before = learned_state(model)
    for other in (loaded, copied):
        went_on(other)
    assert_same_state(copied, loaded)
    # The copy has its own of everything.
    assert all(th.equal(value, before[name]) for name, value in learned_state(model).items())
    assert_same_state(went_on(model), loaded)
    assert alpha(loaded) == alpha(copied) == alpha(model)
    again = reload(copied)
    assert_same_state(again, copied)
    assert alpha(again) == alpha(copied)


@pytest.mark.parametrize("key", OFF_POLICY)
def test_learning_goes_on_with_the_buffer(key: str, tmp_path: Path) -> None:
    model = build(key, make_vec_env(2)).learn(40)
    model.save(tmp_path / "model")
    model.save_replay_buffer(tmp_path / "buffer")
    assert sorted(os.listdir(tmp_path)) == ["buffer.pkl", "model.zip"]
    loaded = type(model).load(tmp_path / "model", env=make_vec_env(2), device="cpu")
    assert loaded.replay_buffer.size() == 0
    loaded.load_replay_buffer(tmp_path / "buffer")
    assert loaded.replay_buffer.size() == 20
    before, n = parameters(loaded), loaded._n_updates
    loaded.learn(10, reset_num_timesteps=False)
    assert (loaded.num_timesteps, loaded._n_updates, loaded.replay_buffer.size()) == (50, n + 5, 25)
    assert has_moved(loaded, before)


# ---------------------------------------------------------------------- files of Stable-Baselines3's SAC


@pytest.fixture(scope="module")
def stock_zips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stock")
    for kind in ("fixed", "auto"):
        model = build(SAC, make_env(), **ALPHAS[kind], learning_rate=0.01).learn(20)
        model.save(folder / f"{kind}.zip")
        model.save_replay_buffer(folder / f"{kind}.pkl")
    return folder


@pytest.mark.parametrize("kind", ["fixed", "auto"])
@pytest.mark.parametrize("key", OFF_POLICY)
def test_sacs_file_trains_on_as_sac_would(key: str, kind: str, stock_zips: Path) -> None:
    general = {"sddpg": {"actor_critic": "minimum"}, "sac_adaent": {"similarity_threshold": -1}}[key]
    models = [
        cls.load(stock_zips / f"{kind}.zip", env=make_env(), device="cpu", **own)
        for cls, own in ((ALGORITHMS.get(key), {**general, "fast": False}), (SAC, {}))
    ]
    for model in models:
        model.load_replay_buffer(stock_zips / f"{kind}.pkl")
    ours, theirs = models
    assert_same_state(ours, theirs)
    assert ours.ent_coef == ALPHAS[kind]["ent_coef"]
    for model in models:
        model.set_random_seed(2)
        model.learn(10, reset_num_timesteps=False)
    assert_same_state(ours, theirs)


CHANGES: dict[str, dict[str, Any]] = {
    "alpha-fixed": {"ent_coef": 0.7},
    "alpha-tuned": {"ent_coef": "auto_0.6", "target_entropy": -0.5},
    "alpha-itself": {"ent_coef": "auto_0.6", "ent_coef_gradient": "alpha"},
    "target-actor": {"use_target_actor": True},
    "buffer": {"buffer_size": 50, "batch_size": 16},
    "n-steps": {"n_steps": 2},
    "regularized": {"regularizers": [{"divergence": "kl", "reference": "previous", "coef": 0.1}]},
}


@pytest.mark.parametrize(("key", "kind", "change"), combinations(OFF_POLICY, ("fixed", "auto"), CHANGES))
def test_sacs_file_becomes_what_is_asked_for(key: str, kind: str, change: str, stock_zips: Path) -> None:
    given = CHANGES[change]
    model = ALGORITHMS.get(key).load(stock_zips / f"{kind}.zip", env=make_env(), device="cpu", **given)
    assert_equal_parameters(model, parameters(SAC.load(stock_zips / f"{kind}.zip", device="cpu")))
    for name, value in given.items():
        if name != "regularizers":
            assert getattr(model, name) == value
    if "ent_coef" in given:
        assert alpha(model) == pytest.approx(0.7 if change == "alpha-fixed" else 0.6)
    if change == "target-actor":  # it begins as a copy
        assert all(
            th.equal(*pair) for pair in zip(model.actor.parameters(), model.actor_target.parameters(), strict=True)
        )
    before = parameters(model)
    assert has_moved(model.learn(model.batch_size + 10), before)
    again = reload(model, make_env())
    assert_same_state(again, model)
    assert alpha(again) == alpha(model)


@pytest.mark.parametrize("kind", ["fixed", "auto"])
@pytest.mark.parametrize("init", ["fresh", "copy"])
def test_plain_critics_beside_those_of_a_file(init: str, kind: str, stock_zips: Path) -> None:
    given = {"plain_critic_init": init, "variant": "poster"}
    model = SACAdaEnt.load(stock_zips / f"{kind}.zip", env=make_env(), device="cpu", **given)
    assert model.similarity == "raw"
    pairs = ((model.plain_critic, model.critic), (model.plain_critic_target, model.critic_target))
    for plain, soft in pairs:
        alike = [th.equal(*pair) for pair in zip(plain.parameters(), soft.parameters(), strict=True)]
        assert all(alike) if init == "copy" else not any(alike)
        assert all(p is not q for p, q in zip(plain.parameters(), soft.parameters(), strict=True))
    assert not model.plain_critic.optimizer.state
    before = [p.clone() for p in model.plain_critic.parameters()]
    model.learn(20)
    assert not any(th.equal(*pair) for pair in zip(before, model.plain_critic.parameters(), strict=True))
    # Its own file brings what they have learned, and does not copy again.
    again = reload(model)
    assert_same_state(again, model)
    assert again.plain_critic_init == init


# ---------------------------------------------------------------------- between the two algorithms


@pytest.mark.parametrize("init", ["fresh", "copy"])
def test_parameters_go_from_one_algorithm_to_the_other(init: str, tmp_path: Path) -> None:
    sddpg = build("sddpg", seed=1, use_target_actor=True).learn(20)
    adaent = build("sac_adaent", seed=2, plain_critic_init=init).learn(20)
    plain = {name: value.clone() for name, value in adaent.plain_critic.state_dict().items()}
    adaent.set_parameters(sddpg.get_parameters())
    assert_equal_parameters(adaent, parameters(sddpg))
    for name, value in adaent.plain_critic.state_dict().items():
        assert th.equal(value, plain[name] if init == "fresh" else sddpg.critic.state_dict()[name])
    adaent.learn(20, reset_num_timesteps=False)
    adaent.save(tmp_path / "adaent")
    sddpg.set_parameters(str(tmp_path / "adaent"), device="cpu")
    assert_equal_parameters(sddpg, parameters(adaent))
    # It brings no target actor, so that begins as a copy.
    assert all(th.equal(*pair) for pair in zip(sddpg.actor.parameters(), sddpg.actor_target.parameters(), strict=True))
    for other, source in ((SDDPG, adaent), (SACAdaEnt, sddpg)):
        source.save(tmp_path / "source")
        with pytest.raises(ValueError, match=rf"was saved by another algorithm than {other.__name__}"):
            other.load(tmp_path / "source", device="cpu")
    with pytest.raises(ValueError, match="Names of parameters do not match"):
        sddpg.set_parameters({"policy": sddpg.get_parameters()["policy"]})


# ---------------------------------------------------------------------- never half a file


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_failing_save_of_the_buffer_leaves_what_was_there(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(key).learn(12)
    model.save_replay_buffer(tmp_path / "buffer")
    model.learn(12, reset_num_timesteps=False)

    def full_disk(thing: Any, file: Any, **kwargs: Any) -> None:
        file.write(b"half a file")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(save_util.pickle, "dump", full_disk)
        for name in ("buffer", "another"):
            with pytest.raises(OSError, match="No space left"):
                model.save_replay_buffer(str(tmp_path / name))
    assert os.listdir(tmp_path) == ["buffer.pkl"]
    model.load_replay_buffer(tmp_path / "buffer")
    assert model.replay_buffer.size() == 12


@pytest.mark.parametrize("spoil", [b"", b"half a file"])
def test_a_buffer_that_cannot_be_read_leaves_the_model_its_own(spoil: bytes, tmp_path: Path) -> None:
    model = build("sddpg").learn(12)
    held = model.replay_buffer
    (tmp_path / "buffer.pkl").write_bytes(spoil)
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        model.load_replay_buffer(tmp_path / "buffer.pkl")
    (tmp_path / "buffer.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(AssertionError, match="must inherit from ReplayBuffer"):
        model.load_replay_buffer(tmp_path / "buffer.pkl")
    assert model.replay_buffer is held


def save_buffer_for_ever(model: Any, path: Path) -> None:
    """In a process of its own, which nothing but a signal ends."""
    try:
        while True:
            model.replay_buffer.rewards += 1
            model.save_replay_buffer(path)
    finally:
        os._exit(1)


def test_a_killed_save_of_the_buffer_leaves_what_was_there(tmp_path: Path) -> None:
    model = build("sddpg", buffer_size=20_000).learn(12)
    model.replay_buffer.rewards[:] = 0
    path = tmp_path / "buffer.pkl"
    model.save_replay_buffer(path)
    n_saved = n_cut = 0
    for wait in (0.011, 0.017, 0.02, 0.023, 0.029):
        child = os.fork()
        if child == 0:
            save_buffer_for_ever(model, path)
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        n_cut += len(list(tmp_path.glob(".buffer*.tmp")))
        model.load_replay_buffer(path)
        rewards = model.replay_buffer.rewards
        assert (rewards == rewards[0]).all()
        n_saved += int(rewards[0, 0])
        model.replay_buffer.rewards[:] = 0
    assert n_saved > 0
    assert n_cut > 0


def learn_for_ever(model: Any, folder: Path) -> None:
    """In a process of its own, which nothing but a signal ends."""
    try:
        model.learn(10**9, CheckpointCallback(10, str(folder), save_replay_buffer=True))
    finally:
        os._exit(1)


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_killed_training_goes_on_from_its_last_checkpoint(key: str, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        learn_for_ever(build(key, make_env(truncates=True), ent_coef="auto_0.1"), tmp_path)
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("*.pkl"))) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    steps = max(int(path.stem.split("_")[-2]) for path in tmp_path.glob("*.pkl"))
    loaded = ALGORITHMS.get(key).load(tmp_path / f"rl_model_{steps}_steps", env=make_env(), device="cpu")
    loaded.load_replay_buffer(tmp_path / f"rl_model_replay_buffer_{steps}_steps.pkl")
    assert loaded.num_timesteps == steps >= 30
    assert loaded.replay_buffer.size() == min(steps - 1, 200)  # a callback sees a step before it is stored
    assert np.isfinite(loaded.replay_buffer.rewards).all()
    before = parameters(loaded)
    loaded.learn(10, reset_num_timesteps=False)
    assert has_moved(loaded, before)
    # Whatever is there is whole: a buffer is saved after its model, and nothing is left half.
    for path in tmp_path.glob("*.zip"):
        ALGORITHMS.get(key).load(path, device="cpu")
