"""A replay buffer of somebody's is read without running it, whole or not at all."""

import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer, RolloutBuffer
from stable_baselines3.common.save_util import save_to_pkl
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from sb3_entropy.unpickling.saved_buffer import load_buffer
from sb3_entropy.unpickling.unpickler import UntrustedError, loads

BOX = spaces.Box(-1, 1, (2,))


def filled(cls: Any = ReplayBuffer, space: Any = BOX) -> Any:
    buffer = cls(20, space, BOX, device="cpu", n_envs=2)
    rng = np.random.default_rng(0)
    for _ in range(13):
        seen = {"x": rng.normal(size=(2, 2))} if isinstance(space, spaces.Dict) else rng.normal(size=(2, 2))
        infos = [{"TimeLimit.truncated": True}, {}]
        buffer.add(seen, seen, rng.normal(size=(2, 2)), rng.normal(size=2), np.array([True, False]), infos)
    return buffer


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize(("cls", "space"), [(ReplayBuffer, BOX), (DictReplayBuffer, spaces.Dict({"x": BOX}))])
def test_it_is_what_was_saved(tmp_path, cls, space, trust):
    buffer = filled(cls, space)
    save_to_pkl(tmp_path / "replay_buffer.pkl", buffer)
    found = load_buffer(tmp_path / "replay_buffer.pkl", trust)
    assert type(found) is cls
    assert (found.pos, found.full, found.n_envs, found.observation_space) == (3, True, 2, space)
    for name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"):
        own, other = getattr(found, name), getattr(buffer, name)
        assert np.array_equal(own, other) if isinstance(own, np.ndarray) else np.array_equal(own["x"], other["x"])


def test_what_would_write_a_file_is_refused_and_named(tmp_path, trap):
    file = tmp_path / "replay_buffer.pkl"
    buffer = filled()
    buffer.metadata = trap
    save_to_pkl(file, buffer)
    with pytest.raises(UntrustedError, match=r"replay_buffer\.pkl names \w+\.system, .* --trust reads it as it is"):
        load_buffer(file)
    assert not trap.file.exists()
    load_buffer(file, trust=True)
    assert trap.file.exists()
    trap.file.unlink()


def test_python_objects_in_arrays_are_refused(tmp_path):
    box = spaces.Box(-1, 1, (1,))
    space = spaces.Dict(dict.fromkeys(("observation", "achieved_goal", "desired_goal"), box))
    buffer = HerReplayBuffer(20, space, box, env=None, device="cpu")
    save_to_pkl(tmp_path / "her.pkl", buffer)
    with pytest.raises(
        UntrustedError, match=r"dtype 'O8', which is not one of plain numbers.* --fresh leaves it alone"
    ):
        load_buffer(tmp_path / "her.pkl")
    assert isinstance(load_buffer(tmp_path / "her.pkl", trust=True), HerReplayBuffer)


def test_instances_come_to_be_of_what_a_file_is_for_alone():
    pickled = pickle.dumps(filled())
    with pytest.raises(UntrustedError, match="as a thing to be made, which it is not"):
        loads(pickled, "It")
    rollout = pickle.dumps(RolloutBuffer(4, BOX, BOX, device="cpu"))
    with pytest.raises(UntrustedError, match="as a thing to be made, which it is not"):
        loads(rollout, "It", made=(ReplayBuffer,))
    # A subclass that is not on the list is none of these either.
    with pytest.raises(UntrustedError, match="which is not among the things"):
        loads(pickle.dumps(Mine(20, BOX, BOX, device="cpu")), "It", made=(ReplayBuffer,))


class Mine(ReplayBuffer):
    pass


def test_what_is_missing_or_damaged_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no replay buffer at .*none\.pkl.* --save-replay-buffer"):
        load_buffer(tmp_path / "none.pkl")
    other = tmp_path / "other.pkl"
    other.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="must hold a ReplayBuffer, but it holds a list"):
        load_buffer(other)
    cut = tmp_path / "cut.pkl"
    cut.write_bytes(pickle.dumps(filled())[:-50])
    with pytest.raises(ValueError, match="is no pickle that can be read"):
        load_buffer(cut)
    for name, wrong in (
        ("rewards", np.zeros((3, 2))),
        ("actions", None),
        ("pos", 10),
        ("pos", 3.0),
        ("pos", "x"),
        ("n_envs", 3),
    ):
        buffer = filled()
        setattr(buffer, name, wrong)
        save_to_pkl(other, buffer)
        with pytest.raises(ValueError, match="is not a whole replay buffer of Stable-Baselines3's"):
            load_buffer(other)


@pytest.mark.parametrize(
    "name", ["next_observations", "full", "obs_shape", "observation_space", "optimize_memory_usage", "pos"]
)
def test_a_part_that_is_not_there_is_not_stumbled_over_later(tmp_path, name):
    buffer = filled()
    delattr(buffer, name)
    save_to_pkl(tmp_path / "part.pkl", buffer)
    with pytest.raises(ValueError, match="is not a whole replay buffer of Stable-Baselines3's"):
        load_buffer(tmp_path / "part.pkl")


def test_of_one_that_saves_memory_there_are_no_next_observations(tmp_path):
    buffer = ReplayBuffer(20, BOX, BOX, device="cpu", optimize_memory_usage=True, handle_timeout_termination=False)
    save_to_pkl(tmp_path / "dense.pkl", buffer)
    assert load_buffer(tmp_path / "dense.pkl").optimize_memory_usage
