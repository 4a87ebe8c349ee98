"""What an off-policy training cannot learn from is refused, before it is stored, and before the long work."""

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback

from contracts.envs import ACTIONS, BOX, VECTOR, RandomEnv, make_env, make_vec_env
from contracts.models import OFF_POLICY, build, learned_state, parameters, policy_for
from contracts.on_policy.test_not_finite import spoiled
from contracts.pairs import combinations
from sb3_entropy.algorithms.off_policy import replay
from sb3_entropy.algorithms.off_policy.diverged import DivergedError

# ---------------------------------------------------------------------- what it acts in, and with


@pytest.mark.parametrize("actions", [name for name in ACTIONS if name != "box"])
@pytest.mark.parametrize("key", OFF_POLICY)
def test_actions_that_are_no_box(key: str, actions: str) -> None:
    with pytest.raises(AssertionError, match=r"only supports \(.*Box.*\) as action spaces but"):
        build(key, make_env(actions=actions))


@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (0.0, np.inf), (-np.inf, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize("key", OFF_POLICY)
def test_boxes_without_bounds_or_width(key: str, bounds: tuple[float, float]) -> None:
    box = spaces.Box(*bounds, (2,), np.float32)
    words = r"The action space Box\(.* is not supported: it must be a box with finite, distinct bounds.*TransformAction"
    with pytest.raises(ValueError, match=words):
        build(key, RandomEnv(VECTOR, box))
    with pytest.raises(ValueError, match=words):
        build(key).set_env(RandomEnv(VECTOR, box))


@pytest.mark.parametrize(("target", "words"), [(1.4, r"between −∞ and 1\.386 nats"), (math.nan, "must be a number")])
@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_target_entropy_that_cannot_be(key: str, target: float, words: str) -> None:
    """Of two dimensions in [−1, 1] it is at most 2 log 2, whatever the environment's bounds are."""
    with pytest.raises(ValueError, match=words):
        build(key, ent_coef="auto", target_entropy=target)
    assert build(key, ent_coef="auto", target_entropy=1.3).temperature.target == 1.3


def test_options_of_a_rule() -> None:
    with pytest.raises(ValueError, match=r"Unknown option of similarity_rule='exact' 'n'"):
        build("sac_adaent", similarity_rule={"similarity_rule": "exact", "n": 3})


def test_soft_n_steps_need_their_own_buffer() -> None:
    for given in ({"replay_buffer_class": ReplayBuffer}, {"policy": "MultiInputPolicy", "env": make_env("dict")}):
        with pytest.raises(ValueError, match=r"soft_n_step=True has a replay buffer of its own"):
            build("sddpg", n_steps=3, soft_n_step=True, **given)


# ---------------------------------------------------------------------- what is not finite

PLACES = {"reset": 0, "first-step": 1, "learning": 12, "end-of-episode": 15, "later-reset": 16}


def is_finite(model: Any) -> bool:
    """:return: whether all that is learned, and all that is stored, is"""
    buffer = model.replay_buffer
    stored = [buffer.rewards, buffer.actions]
    for held in (buffer.observations, getattr(buffer, "next_observations", buffer.observations)):
        stored += held.values() if isinstance(held, dict) else [held]
    learned = all(bool(value.isfinite().all()) for value in learned_state(model).values())
    return learned and all(np.isfinite(array).all() for array in stored)


def fails(model: Any, words: str) -> None:
    """Training ends in one clear message; what was stored and learned before is whole, and training may go on."""
    with pytest.raises(ValueError, match=words) as caught:
        model.learn(40)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert "Nothing that was saved is affected." in message
    assert is_finite(model)


@pytest.mark.parametrize(("key", "place", "bad"), combinations(OFF_POLICY, PLACES, (math.nan, math.inf, -math.inf)))
def test_observations(key: str, place: str, bad: float) -> None:
    at = PLACES[place]
    model = build(key, make_env(spoil=spoiled("observation", at, bad)))
    fails(model, r"The environment returned a NaN or infinite observation: .*Check the environment's step\(\)")
    n_stored = model.replay_buffer.size()
    # Observations 0 to 7 are of the first episode, whose last one ends it, 8 is of the second's reset.
    assert n_stored == max(at - 1 - at // 8, 0)
    model.learn(12)
    assert is_finite(model)


@pytest.mark.parametrize(("key", "at", "bad"), combinations(OFF_POLICY, (1, 7, 12), (math.nan, math.inf)))
def test_rewards(key: str, at: int, bad: float) -> None:
    model = build(key, make_env(spoil=spoiled("reward", at, bad)))
    fails(model, r"The environment returned a NaN or infinite reward: \[.*\]\. Check the environment's")


@pytest.mark.parametrize("key", OFF_POLICY)
def test_the_last_observation_of_an_episode(key: str) -> None:
    """A vectorised environment hides it behind the next one's first, but it is stored."""
    env = make_vec_env(2, truncates=True, length=7)
    env.envs[1].unwrapped.spoil = spoiled("observation", 8, math.nan)
    fails(build(key, env), "NaN or infinite observation")


@pytest.mark.parametrize("key", OFF_POLICY)
def test_dict_observations_are_named_by_their_key(key: str) -> None:
    env = make_env("dict", spoil=spoiled("observation", 3, math.nan))
    fails(build(key, env, policy=policy_for("dict")), "NaN or infinite observation 'vector'")


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_policy_that_was_spoiled_from_outside(key: str) -> None:
    model = build(key, learning_starts=0)
    with th.no_grad():
        model.actor.mu.weight[0, 0] = math.nan
    with pytest.raises(
        ValueError, match=r"(parameter actor\.mu\.weight|action).*(become|came up).*[Ll]ower learning_r"
    ):
        model.learn(8)
    assert model.replay_buffer.size() == 0


# ---------------------------------------------------------------------- what diverges


class Keeper(BaseCallback):
    """Keeps the parameters as they were before each step."""

    def _on_step(self) -> bool:
        self.before = learned_state(self.model)
        return True


@pytest.mark.parametrize("fast", [False, "auto"])
@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_training_that_diverges_says_what_went_first(key: str, fast: Any, tmp_path: Path) -> None:
    """Steps of 10³⁰: the first leaves numbers whose squares are beyond float32."""

    def exploding(progress: float) -> float:
        return 1e-3 if progress > 0.6 else 1e30

    model = build(key, learning_rate=exploding, fast=fast, ent_coef=0.1)
    model.save(tmp_path / "before")
    before = parameters(model)
    with pytest.raises(ValueError, match=r"diverged|has become .*[Ll]ower learning_rate") as caught:
        model.learn(40)
    message = str(caught.value)
    assert "\n" not in message
    assert "Nothing that was saved is affected." in message
    if isinstance(caught.value, DivergedError):
        assert caught.value.quantity in ("log_prob", "critic_loss", "plain_critic_loss", "actor_loss") or (
            caught.value.quantity.startswith("gradient of the ")
        )
        assert not math.isfinite(caught.value.value)
        assert re_number(message, "at gradient step ") == model._n_updates + 1
        assert re_number(message, "after ") == model.num_timesteps
    assert all(bool(value.isfinite().all()) for value in learned_state(model).values())
    loaded = type(model).load(tmp_path / "before", device="cpu")
    assert all(th.equal(value, before[name]) for name, value in parameters(loaded).items())


def re_number(message: str, after: str) -> int:
    """:return: the whole number that stands behind a word"""
    return int(message.partition(after)[2].replace(",", " ").split()[0])


@pytest.mark.parametrize("fast", [False, "auto"])
@pytest.mark.parametrize("key", OFF_POLICY)
def test_rewards_too_large_for_their_squares(key: str, fast: Any) -> None:
    """They are finite, but the critics' loss is not: nothing of that step is taken."""

    def large(number: int, observation: Any, reward: float) -> tuple[Any, float]:
        return observation, 1e30 if number > 20 else reward

    model, keeper = build(key, make_env(spoil=large), fast=fast, batch_size=64, ent_coef=0.1), Keeper()
    with pytest.raises(DivergedError, match=r"has diverged: the critic_loss is inf\. .*check the scale of the rewards"):
        model.learn(40, keeper)
    assert model.num_timesteps < 30
    found = learned_state(model)
    assert all(th.equal(found[name], value) for name, value in keeper.before.items())


# ---------------------------------------------------------------------- replay buffers


def buffer_file(path: Path, **made_with: Any) -> Path:
    """:return: where a buffer is saved that another model has filled"""
    env = made_with.pop("env", None) or make_env()
    build("sddpg", env, **made_with).learn(10).save_replay_buffer(path)
    return path


BUFFERS: dict[str, tuple[dict[str, Any], str]] = {
    "observations": (
        {"env": RandomEnv(spaces.Box(-1, 1, (3,), np.float32))},
        r"holds observations in Box\(-1.*filled in another environment. Load the buffer that was saved with this",
    ),
    "actions": (
        {"env": RandomEnv(VECTOR, spaces.Box(-1, 1, (2,), np.float32))},
        r"holds actions in Box\(-1.* filled in another environment",
    ),
    "n-envs": ({"env": make_vec_env(2)}, r"filled by 2 environments, but the model has 1. .*n_envs=2"),
    "size": (
        {"buffer_size": 6, "batch_size": 4},
        "batch_size=8, but the replay buffer has room for 6 transitions: .*Raise buffer_size, or lower batch_size",
    ),
}


@pytest.mark.parametrize("kind", BUFFERS)
@pytest.mark.parametrize("way", ["loaded", "assigned"])
def test_a_buffer_that_does_not_fit(kind: str, way: str, tmp_path: Path) -> None:
    """A loaded one leaves the model its own; one that is put in place is found out before the first step."""
    made_with, words = BUFFERS[kind]
    path = buffer_file(tmp_path / "buffer.pkl", **made_with)
    model = build("sac_adaent")
    held = model.replay_buffer
    if way == "loaded":
        with pytest.raises(ValueError, match=words):
            model.load_replay_buffer(path)
        assert model.replay_buffer is held
        model.learn(10)
    else:
        model.replay_buffer = pickle.loads(path.read_bytes())
        with pytest.raises(ValueError, match=words):
            model.learn(10)
        assert model.num_timesteps == 0


def test_no_buffer_at_all() -> None:
    model = build("sddpg")
    model.replay_buffer = None
    with pytest.raises(ValueError, match=r"This SDDPG has no replay buffer\. Make a new model"):
        model.learn(10)


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_batch_that_the_buffer_has_no_room_for(key: str) -> None:
    words = "batch_size=40, but the replay buffer has room for 39 transitions"
    with pytest.raises(ValueError, match=words):
        build(key, buffer_size=39, batch_size=40)
    model = build(key, buffer_size=39, batch_size=39)
    with pytest.raises(ValueError, match=words):
        model.batch_size = 40
    assert model.batch_size == 39
    # Before there are as many as a batch wants, some come twice, as in Stable-Baselines3.
    assert build(key, batch_size=150).learn(20)._n_updates == 12


MEMORY: list[tuple[dict[str, Any], int]] = [
    # an observation, the next, an action, reward, end and time limit; of each one number of four bytes
    ({}, (3 + 3 + 2 + 3) * 4),
    ({"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}, (3 + 2 + 3) * 4),
    ({"policy": "CnnPolicy", "env": make_env("image")}, 2 * 36 * 36 + (2 + 3) * 4),
    ({"policy": "MultiInputPolicy", "env": make_env("dict")}, 2 * (36 * 36 + 3 * 4 + 8) + (2 + 3) * 4),
]


@pytest.mark.parametrize(("given", "n_bytes"), MEMORY, ids=["vector", "less", "image", "dict"])
@pytest.mark.parametrize("key", OFF_POLICY)
def test_memory_that_the_machine_has_not(
    key: str, given: dict[str, Any], n_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "memory_of_machine", lambda: 1000 * n_bytes)
    made: list[Any] = []
    for cls in (ReplayBuffer, DictReplayBuffer):
        monkeypatch.setattr(cls, "__init__", lambda *args, **kwargs: made.append(args))
    hint = "Lower buffer_size to at most 1,000" + (
        "." if "optimize" in str(given) else ", or keep each observation once"
    )
    with pytest.raises(MemoryError, match=rf"buffer_size=1001 transitions of .* take .* GB, but .* {hint}"):
        build(key, buffer_size=1001, **given)
    assert made == []


def test_memory_is_enough_or_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (replay.memory_of_machine() or 0) > 10**8
    monkeypatch.setattr(replay, "memory_of_machine", lambda: 200 * 44)
    assert build("sddpg").buffer_size == 200
    monkeypatch.setattr(replay, "memory_of_machine", lambda: None)
    assert build("sddpg").buffer_size == 200


def test_the_limit_of_a_container_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = replay.memory_of_machine()
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(replay, "_CGROUP_LIMIT", limit)
    for text, expected in (("1000000\n", 1_000_000), ("max\n", None), (str(10**18), None)):
        limit.write_text(text)
        found = replay.memory_of_machine()
        assert found == expected or (expected is None and found is not None and whole is not None and found >= whole)
    assert BOX.shape == (2,)
