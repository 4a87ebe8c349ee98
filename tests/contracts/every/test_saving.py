"""What is saved comes back, goes on as it would have gone, and is never half there."""

import io
import math
import os
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from sb3_contrib import ARS, QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common import save_util

from contracts.envs import make_env, make_vec_env
from contracts.models import (
    ASYNCHRONOUS,
    KEYS,
    OFF_POLICY,
    ON_POLICY,
    WITH_BONUS,
    WITH_PARENT,
    actions_of,
    alpha,
    assert_equal_parameters,
    assert_same_state,
    build,
    has_moved,
    like_parent,
    observations_of,
    parameters,
    policy_for,
    stock_parent,
    updated_every,
)
from contracts.pairs import combinations
from sb3_entropy.algorithms.common.saving import check_zip
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.unpickling.fingerprints import FINGERPRINTS, stock_algorithms


def bent(initial: float) -> Callable[[float], float]:
    """:return: a schedule that closes over its start"""
    return lambda progress: initial * progress**2


TEMPERATURES: dict[str, Any] = {
    "number": 0.05,
    "zero": 0.0,
    "lin": "lin_0.1",
    "decay": "decay_0.1_0.5_0.001",
    "auto": "auto_0.1",
    "closure": bent(0.2),
}


def reload(model: Any, env: Any = None, **kwargs: Any) -> Any:
    """:return: what comes back after saving to memory"""
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    return type(model).load(file, env=env, device="cpu", **kwargs)


@pytest.mark.parametrize(("key", "kind"), combinations(KEYS, TEMPERATURES, inheriting=ASYNCHRONOUS))
def test_comes_back_and_goes_on(key: str, kind: str, tmp_path: Path) -> None:
    env = make_env(actions=actions_of(key))
    tuned = {"ent_coef": TEMPERATURES[kind], "ent_coef_lr": 1e-2, "target_entropy": 0.5}
    model = build(key, env, **updated_every(key, 8), **tuned).learn(16)
    model.save(tmp_path / "model")
    loaded, again = (
        type(model).load(tmp_path / "model", env=make_env(actions=actions_of(key)), device="cpu") for _ in range(2)
    )
    assert_same_state(loaded, model)
    observations = observations_of(model)
    assert np.array_equal(
        loaded.predict(observations, deterministic=True)[0], model.predict(observations, deterministic=True)[0]
    )
    for progress in (1.0, 0.3, 0.0):
        assert loaded.temperature.value(progress) == model.temperature.value(progress)
    assert loaded.num_timesteps == 16
    before = parameters(loaded)
    for resumed in (loaded, again):
        th.manual_seed(5)
        np.random.seed(5)
        resumed.env.seed(5)
        resumed.learn(16, reset_num_timesteps=False)
        assert resumed.num_timesteps == 32
        assert has_moved(resumed, before)
    assert_same_state(loaded, again)
    assert alpha(loaded) == alpha(again)


@pytest.mark.parametrize("key", KEYS)
def test_a_tuned_temperature_continues_where_it_was(key: str) -> None:
    actions, target = actions_of(key), 0.3 if key in ON_POLICY else -5.0
    model = build(key, make_env(actions=actions), ent_coef="auto_0.1", ent_coef_lr=1e-2, target_entropy=target)
    model.learn(32)
    assert alpha(model) < 0.1  # the entropy is above the target
    loaded = reload(model, make_env(actions=actions))
    assert alpha(loaded) == alpha(model)
    loaded.learn(16, reset_num_timesteps=False)
    assert alpha(loaded) < alpha(model)
    # 16 transitions more move log α by at most the rate each.
    assert math.log(alpha(model) / alpha(loaded)) <= 16 * 1e-2 + 1e-6


@pytest.mark.parametrize("key", KEYS)
def test_a_decay_counts_on(key: str) -> None:
    """By updates: 3, and 1 more after it has been loaded."""
    starts = {"learning_starts": 0} if key in OFF_POLICY else {}
    model = build(key, ent_coef="decay_1_0.5_0.1", **updated_every(key, 16), **starts).learn(3 * 16)
    assert alpha(model) == 0.5**3
    loaded = reload(model, make_env())
    assert alpha(loaded) == 0.5**3
    if key in OFF_POLICY:
        loaded.load_replay_buffer(buffer_of(model))
    assert alpha(loaded.learn(16, reset_num_timesteps=False)) == 0.1


def buffer_of(model: Any) -> io.BytesIO:
    """:return: what ``load_replay_buffer`` takes"""
    file = io.BytesIO()
    model.save_replay_buffer(file)
    file.seek(0)
    return file


@pytest.mark.parametrize("key", KEYS)
def test_a_changed_ent_coef_takes_effect(key: str) -> None:
    model = build(key, make_env(actions=actions_of(key)), ent_coef="auto_0.1").learn(16)
    assert alpha(reload(model, ent_coef=0.3)) == pytest.approx(0.3)
    assert alpha(reload(model, ent_coef="auto_0.7")) == pytest.approx(0.7)
    tuned_elsewhere = reload(model, target_entropy=0.2)
    assert tuned_elsewhere.temperature.target == 0.2
    with pytest.raises(ValueError, match="ent_coef must be a number ≥ 0"):
        reload(model, ent_coef=-1.0)
    choice = "soft_gradient" if key in ON_POLICY else "actor_critic"
    with pytest.raises(ValueError, match=f"Unknown {choice} 'entrpy'"):
        reload(model, **{choice: "entrpy"})


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("observations", ["dict", "image"])
def test_dict_and_images_come_back(key: str, observations: str) -> None:
    spaces = observations, "multi_discrete" if key in ON_POLICY else "box"
    model = build(key, make_env(*spaces), policy=policy_for(observations), **updated_every(key, 8)).learn(16)
    loaded = reload(model, make_env(*spaces))
    assert_same_state(loaded, model)
    before = parameters(loaded)
    assert has_moved(loaded.learn(16, reset_num_timesteps=False), before)


@pytest.mark.parametrize("key", ON_POLICY)
@pytest.mark.parametrize(
    "policy_kwargs",
    [
        {"std_scheme": "global_clipped_local", "std_scheme_kwargs": {"delta": 0.5}},
        {"action_distribution": "beta"},
        {"action_distribution": "tanh_gaussian", "entropy_estimator": "quadrature", "std_scheme": "fixed"},
    ],
    ids=["scheme", "beta", "tanh"],
)
def test_our_policy_kwargs_come_back(key: str, policy_kwargs: dict[str, Any], tmp_path: Path) -> None:
    model = build(key, policy_kwargs=policy_kwargs).learn(16)
    loaded = reload(model, make_env())
    assert_same_state(loaded, model)
    assert type(loaded.policy.action_dist) is type(model.policy.action_dist)
    # The policy alone, by SB3's own means.
    model.policy.save(tmp_path / "policy")
    policy = type(model.policy).load(tmp_path / "policy", device="cpu")
    observations = observations_of(model)
    assert np.array_equal(
        policy.predict(observations, deterministic=True)[0], model.predict(observations, deterministic=True)[0]
    )


@pytest.mark.parametrize("key", KEYS)
def test_other_environments_may_follow(key: str) -> None:
    model = build(key, make_vec_env(2, actions=actions_of(key))).learn(32)
    loaded = reload(model, make_vec_env(3, actions=actions_of(key)))
    before = parameters(loaded)
    assert has_moved(loaded.learn(48, reset_num_timesteps=False), before)
    with pytest.raises(ValueError, match="spaces do not match"):
        reload(model, make_env("image", actions_of(key)))


# ---------------------------------------------------------------------- files of the parent's


@pytest.mark.parametrize("key", [key for key in WITH_PARENT if key in ON_POLICY])
@pytest.mark.parametrize("actions", ["box", "discrete"])
def test_the_parents_file_trains_on_as_the_parent_would(key: str, actions: str, tmp_path: Path) -> None:
    parent = stock_parent(key)
    assert parent is not None
    bonus = {"ent_coef": 0.01} if key in WITH_BONUS else {}
    build(parent, make_env(actions=actions), **bonus).learn(32).save(tmp_path / "stock.zip")
    theirs = parent.load(tmp_path / "stock.zip", env=make_env(actions=actions), device="cpu")
    ours = ALGORITHMS.get(key).load(
        tmp_path / "stock.zip",
        env=make_env(actions=actions),
        device="cpu",
        entropy_in_return=False,
        ent_coef_unit="normalised",
        **like_parent(key),
    )
    assert isinstance(ours, ALGORITHMS.get(key))
    assert_same_state(ours, theirs)
    assert alpha(ours) == bonus.get("ent_coef", 0.0)
    for model in (ours, theirs):
        th.manual_seed(3)
        np.random.seed(3)
        model.env.seed(3)
        model.learn(32, reset_num_timesteps=False)
    assert_same_state(ours, theirs)


@pytest.mark.parametrize("key", WITH_PARENT)
@pytest.mark.parametrize("observations", ["dict", "image"])
def test_the_parents_file_becomes_soft(key: str, observations: str, tmp_path: Path) -> None:
    parent = stock_parent(key)
    assert parent is not None
    policy = policy_for(observations)
    every = updated_every(key, 8)
    build(parent, make_env(observations), policy=policy, **every).learn(16).save(tmp_path / "stock")
    model = ALGORITHMS.get(key).load(tmp_path / "stock", env=make_env(observations), ent_coef="auto_0.1", device="cpu")
    before = parameters(model)
    assert has_moved(model.learn(16), before)
    assert alpha(model) != 0.1
    again = reload(model, make_env(observations))
    assert_same_state(again, model)
    assert alpha(again) == alpha(model)


@pytest.mark.parametrize("key", WITH_PARENT)
def test_the_parent_reads_our_policys_parameters(key: str, tmp_path: Path) -> None:
    """Back to where one came from, for as long as the policy is one that the parent knows."""
    parent = stock_parent(key)
    assert parent is not None
    fixed = {"ent_coef": 0.01} if key in OFF_POLICY else {}
    model, stock = build(key, **fixed).learn(16), build(parent, make_env(), **fixed)
    given = model.get_parameters()
    stock.set_parameters({part: given[part] for part in stock.get_parameters()})
    assert_same_state(model, stock)


# ---------------------------------------------------------------------- what cannot be read


def off_policy(cls: Any, actions: str = "box") -> Any:
    """:return: a small model of an off-policy algorithm"""
    nets, sizes = {"net_arch": [8]}, {"buffer_size": 10, "batch_size": 4}
    return cls("MlpPolicy", make_env(actions=actions), device="cpu", policy_kwargs=nets, **sizes)


STOCK: dict[str, Callable[[], Any]] = {
    "A2C": lambda: build(A2C),
    "ARS": lambda: ARS("MlpPolicy", make_env(), device="cpu"),
    "CrossQ": lambda: off_policy(CrossQ),
    "DDPG": lambda: off_policy(DDPG),
    "DQN": lambda: off_policy(DQN, "discrete"),
    "MaskablePPO": lambda: MaskablePPO("MlpPolicy", make_env(actions="discrete"), device="cpu"),
    "PPO": lambda: build(PPO),
    "QRDQN": lambda: off_policy(QRDQN, "discrete"),
    "RecurrentPPO": lambda: RecurrentPPO(
        "MlpLstmPolicy", make_env(), device="cpu", policy_kwargs={"lstm_hidden_size": 4, "net_arch": [4]}
    ),
    "SAC": lambda: off_policy(SAC),
    "TD3": lambda: off_policy(TD3),
    "TQC": lambda: off_policy(TQC),
    "TRPO": lambda: build(TRPO),
}
FOREIGN = {**STOCK, **{key: (lambda key=key: build(key)) for key in KEYS}}


@pytest.fixture(scope="module")
def foreign_zips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    for name, make in FOREIGN.items():
        make().save(folder / f"{name}.zip")
    return folder


def test_every_stock_algorithms_file_is_told(foreign_zips: Path) -> None:
    assert STOCK.keys() == FINGERPRINTS.keys()
    for name in STOCK:
        told = stock_algorithms(check_zip(foreign_zips / f"{name}.zip").keys())
        assert name in told
        # These store the same.
        assert any(set(told) <= alike for alike in ({name}, {"PPO", "MaskablePPO", "RecurrentPPO"}, {"TD3", "DDPG"}))


@pytest.mark.parametrize("key", KEYS)
def test_a_subclass_that_is_not_registered_belongs_to_the_family(key: str, tmp_path: Path) -> None:
    base = ALGORITHMS.get(key)
    third = type("Third", (base,), {})
    for saver, name in ((third, "third"), (base, "base")):
        build(saver).save(tmp_path / name)
    assert type(base.load(tmp_path / "third", device="cpu")) is base
    assert type(third.load(tmp_path / "base", device="cpu")) is third
    for other in KEYS:
        if not issubclass(base, ALGORITHMS.get(other)):
            with pytest.raises(ValueError, match=r"than \w+: it was saved by Third\. Load it with"):
                ALGORITHMS.get(other).load(tmp_path / "third", device="cpu")


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("key", KEYS)
def test_another_algorithms_file_is_refused(key: str, name: str, foreign_zips: Path) -> None:
    file = foreign_zips / f"{name}.zip"
    parent = stock_parent(key)
    if name == key or (parent is not None and name == parent.__name__):
        assert isinstance(ALGORITHMS.get(key).load(file, device="cpu"), ALGORITHMS.get(key))
        return
    title = ALGORITHMS.get(key).__name__
    saver = ALGORITHMS.get(name).__name__ if name in KEYS else name
    by_attributes = rf"{name}\.zip was saved by another algorithm than {title}: it was saved by .*\b{saver}\b.*Load"
    # sb3-contrib's relatives of PPO store the same attributes; their policies are others.
    by_policy = rf"{title} needs a policy .* but {name.removesuffix('PPO')}ActorCriticPolicy was given"
    with pytest.raises(ValueError, match=rf"({by_attributes})|({by_policy})"):
        ALGORITHMS.get(key).load(file, device="cpu")


def text(file: Path, model: Any) -> None:
    """No zip at all."""
    file.write_text("ent_coef: 0.01\n")


def empty(file: Path, model: Any) -> None:
    """Not a byte."""
    file.touch()


def truncated(file: Path, model: Any) -> None:
    """Cut short."""
    model.save(file)
    file.write_bytes(file.read_bytes()[:-200])


def flipped(file: Path, model: Any) -> None:
    """A byte of the parameters has changed."""
    model.save(file)
    with zipfile.ZipFile(file) as archive:
        at = archive.getinfo("policy.pth").header_offset + 500
    content = bytearray(file.read_bytes())
    content[at] ^= 0xFF
    file.write_bytes(content)


def other_zip(file: Path, model: Any) -> None:
    """A zip of something else."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("notes.txt", "hello")


def empty_zip(file: Path, model: Any) -> None:
    """A zip of nothing."""
    with zipfile.ZipFile(file, "w"):
        pass


def no_json(file: Path, model: Any) -> None:
    """A zip whose data cannot be read."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data", "{")
        archive.writestr("policy.pth", "")


def no_policy(file: Path, model: Any) -> None:
    """A model without its policy."""
    whole = io.BytesIO()
    model.save(whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data", source.read("data"))


def no_parameters(file: Path, model: Any) -> None:
    """A model whose parameters are not parameters."""
    whole = io.BytesIO()
    model.save(whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(file, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, b"nonsense" if name == "policy.pth" else source.read(name))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (text, ".*File is not a zip file. It was cut short or is not a saved model"),
        (empty, ".*was cut short or is not a saved model; load an earlier checkpoint"),
        (truncated, ".* was cut short"),
        (flipped, "is damaged at 'policy.pth'. Load an earlier checkpoint"),
        (other_zip, "is a zip file, but not a saved model"),
        (empty_zip, "is a zip file, but not a saved model"),
        (no_json, ".*was cut short or is not a saved model"),
        (no_policy, "is a zip file, but not a saved model"),
        (no_parameters, "(?s:.*)[Ll]oad an earlier checkpoint"),
    ],
)
@pytest.mark.parametrize("key", KEYS)
def test_a_damaged_file_is_named(key: str, spoil: Callable[[Path, Any], None], reason: str, tmp_path: Path) -> None:
    file = tmp_path / "model.zip"
    spoil(file, build(key))
    with pytest.raises(ValueError, match=rf"model\.zip {reason}"):
        ALGORITHMS.get(key).load(file, device="cpu")


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_file_is_named(key: str, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", str(tmp_path / "nothing.zip"), tmp_path):
        with pytest.raises(FileNotFoundError, match=r"There is no saved model at .*Check the path"):
            ALGORITHMS.get(key).load(path)


@pytest.mark.parametrize("key", KEYS)
def test_an_open_file_that_is_damaged(key: str) -> None:
    with pytest.raises(ValueError, match="was cut short or is not a saved model"):
        ALGORITHMS.get(key).load(io.BytesIO(b"nonsense"))


# ---------------------------------------------------------------------- never half a file


@pytest.mark.parametrize("key", KEYS)
def test_names_are_stable_baselines3s(key: str, tmp_path: Path) -> None:
    model = build(key)
    for name, written in (("a/b/model", "a/b/model.zip"), ("model.zip", "model.zip"), ("model.v1", "model.v1")):
        model.save(tmp_path / name)
        model.save(str(tmp_path / name))
        assert (tmp_path / written).is_file()
        assert_equal_parameters(type(model).load(tmp_path / name, device="cpu"), parameters(model))
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("key", KEYS)
def test_a_failing_save_leaves_what_was_there(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(key)
    model.save(tmp_path / "model")
    old = parameters(model)
    model.learn(16)

    def full_disk(*args: Any) -> None:
        args[1].write(b"half a file")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(save_util.th, "save", full_disk)
        with pytest.raises(OSError, match="No space left"):
            model.save(tmp_path / "model")
        with pytest.raises(OSError, match="No space left"):
            model.save(tmp_path / "another")
    assert os.listdir(tmp_path) == ["model.zip"]
    assert_equal_parameters(type(model).load(tmp_path / "model", device="cpu"), old)


def test_a_folder_beside_the_file_is_not_the_model(tmp_path: Path) -> None:
    """rl-zoo keeps a run's settings in one of that name."""
    model = build("sppo")
    (tmp_path / "model").mkdir()
    for name in ("model", "model.zip"):
        model.save(tmp_path / name)
        assert_equal_parameters(type(model).load(tmp_path / name, device="cpu"), parameters(model))
    with pytest.raises(FileNotFoundError, match=r"There is no saved model at .*none"):
        type(model).load(tmp_path / "none")


def test_a_model_that_was_loaded_without_an_environment_says_so(tmp_path: Path) -> None:
    model = build("sppo")
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", device="cpu")
    with pytest.raises(ValueError, match=r"This SPPO has no environment to learn in.*set_env.*SPPO\.load\(path, env="):
        loaded.learn(16)
    loaded.set_env(model.get_env())
    assert loaded.learn(16).num_timesteps >= 16


def save_for_ever(model: Any, path: Path) -> None:
    """In a process of its own, which nothing but a signal ends."""
    try:
        while True:
            model.num_timesteps += 1
            model.save(path)
    finally:
        os._exit(1)


def test_a_killed_save_leaves_what_was_there(tmp_path: Path) -> None:
    """Saved again and again by a process that is killed, three times for each algorithm, wherever it happens to be."""
    n_saved = n_cut = 0
    for key in KEYS:
        path = tmp_path / f"{key}.zip"
        model = build(key)
        model.save(path)
        size = path.stat().st_size
        for wait in (0.011, 0.019, 0.029):
            child = os.fork()
            if child == 0:
                save_for_ever(model, path)
            written = path.stat().st_mtime_ns
            for _ in range(3000):  # on a busy machine the first save takes its time
                if path.stat().st_mtime_ns != written:
                    break
                time.sleep(0.001)
            time.sleep(wait)
            os.kill(child, signal.SIGKILL)
            assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
            n_cut += len(list(tmp_path.glob(f".{key}*.tmp")))
            assert path.stat().st_size >= 0.9 * size
            n_saved += ALGORITHMS.get(key).load(path, device="cpu").num_timesteps
    assert n_saved > 0
    # Some were killed in the middle of it.
    assert n_cut > 0
