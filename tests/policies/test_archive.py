"""θ on disk: what is written is read bit for bit, once, whole or not at all, and damage is named and contained."""

import io
import json
import multiprocessing
import os
import re
import signal
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from policies.families import FAMILIES, Steps, build
from sb3_entropy.policies import snapshot_file
from sb3_entropy.policies.archive import SnapshotArchive
from sb3_entropy.policies.snapshot_file import UnreadableError, decoded, encoded
from sb3_entropy.policies.snapshot_writer import SnapshotWriter

FORK = multiprocessing.get_context("fork")


def bits(policy: Any) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in policy.state_dict().items()}


def bits_of(theta: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in theta.items()}


def shift(policy: Any, by: float) -> None:
    """Every parameter that is learned is another; what is frozen stays."""
    with th.no_grad():
        for parameter in policy.parameters():
            if parameter.requires_grad:
                parameter.add_(by)


def filled(folder: Path, steps: tuple[int, ...] = (0, 10, 20, 30)) -> tuple[Any, dict[int, dict[str, bytes]]]:
    """:return: a policy whose first layer is frozen, and θ at each step, of which an archive has been made"""
    policy = build("ppo").policy
    policy.mlp_extractor.policy_net[0].requires_grad_(False)
    writer, kept = SnapshotWriter(folder), {}
    for step in steps:
        shift(policy, 0.1)
        writer.add(step, policy)
        kept[step] = bits(policy)
    return policy, kept


def cut(file: Path, share: float = 0.5) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize("key", FAMILIES)
def test_theta_comes_back_bit_for_bit_in_every_family(key: str, tmp_path: Path) -> None:
    model = build(key)
    writer = SnapshotWriter(tmp_path / "deep" / "archive")
    with th.no_grad():
        next(iter(model.policy.parameters())).view(-1)[:2] = th.tensor([np.nan, -0.0])
    first = bits(model.policy)
    writer.add(0, model.policy)
    shift(model.policy, 0.5)
    second = bits(model.policy)
    writer.add(7, model.policy)
    shift(model.policy, 0.5)
    archive = SnapshotArchive(str(tmp_path / "deep" / "archive"))
    assert archive.steps == [0, 7]
    assert bits_of(archive.theta(0)) == first != second
    assert bits_of(archive.theta(7)) == second
    shapes = {name: tuple(tensor.shape) for name, tensor in model.policy.state_dict().items()}
    assert {name: array.shape for name, array in archive.theta(7).items()} == shapes
    assert archive.statistics(7) == {}
    archive.put_into(model, step=7)
    assert bits(model.policy) == second
    archive.put_into(build(key).policy, 0)
    archive.put_into(model.policy, 0)
    assert bits(model.policy) == first


def test_numpy_alone_can_read_it(tmp_path: Path) -> None:
    """The format by another reader: the index is JSON, and an array is under its hash in the file of its step."""
    _, kept = filled(tmp_path)
    files = {int(file.stem.partition("_")[2]): np.load(file, allow_pickle=False) for file in tmp_path.iterdir()}
    assert sorted(files) == [0, 10, 20, 30]
    for step, theta in kept.items():
        index = json.loads(files[step]["snapshot.json"])
        assert (index["step"], index["statistics"]) == (step, {})
        read = {name: files[at["step"]][at["sha256"]] for name, at in index["theta"].items()}
        assert bits_of(read) == theta
        assert {name: array.dtype.str for name, array in read.items()} == {
            n: a["dtype"] for n, a in index["theta"].items()
        }


def test_what_stays_is_kept_once(tmp_path: Path) -> None:
    policy, _ = filled(tmp_path)
    frozen = set(policy.mlp_extractor.policy_net[0].state_dict())
    for step in (10, 20, 30):
        with zipfile.ZipFile(tmp_path / f"theta_{step:010d}.npz") as archive:
            assert len(archive.namelist()) - 1 == len(policy.state_dict()) - len(frozen)
    before = SnapshotWriter(tmp_path).add(40, policy)
    assert before == 0  # also for a writer that has not written what is there
    model = build("dqn")
    model.policy.q_net_target.load_state_dict(model.policy.q_net.state_dict())
    writer = SnapshotWriter(tmp_path / "dqn")
    n_bytes = sum(tensor.nbytes for tensor in model.policy.q_net.state_dict().values())
    at_first = writer.add(0, model.policy)
    assert n_bytes < at_first < n_bytes + 4 * 150  # the target network is the network
    shift(model.policy.q_net, 0.5)
    assert writer.add(1, model.policy) == at_first


def test_of_the_fast_path_only_the_parameters(tmp_path: Path) -> None:
    model = build("sppo").learn(32)
    assert model._flat_policy is not None
    parameters = list(model.policy.parameters())
    assert len({parameter.untyped_storage().data_ptr() for parameter in parameters}) == 1
    writer = SnapshotWriter(tmp_path)
    plain = sum(parameter.numel() * 4 for parameter in parameters)
    assert plain < writer.add(32, model.policy) < plain + 150 * len(parameters)
    assert bits_of(writer.archive.theta(32)) == bits(model.policy)
    writer.archive.put_into(model, 32)
    assert model._flat_policy.flat.holds()
    assert len({parameter.untyped_storage().data_ptr() for parameter in model.policy.parameters()}) == 1


def test_the_last_may_be_replaced_and_leaves_nothing_behind(tmp_path: Path) -> None:
    policy, _ = filled(tmp_path, (0, 10))
    writer = SnapshotWriter(tmp_path)
    ten = bits(policy)
    shift(policy, 1.0)
    twenty = policy.state_dict()
    twenty = {name: tensor.clone() for name, tensor in twenty.items()}
    writer.add(20, policy)
    shift(policy, 1.0)
    replaced = bits(policy)
    writer.add(20, policy, replace_last=True)
    policy.load_state_dict(twenty)  # of which the archive has nothing any more
    writer.add(30, policy)
    archive = SnapshotArchive(tmp_path)
    assert archive.damage() == {}
    assert bits_of(archive.theta(10)) == ten
    assert bits_of(archive.theta(20)) == replaced
    assert bits_of(archive.theta(30)) == bits(policy) != replaced


def test_steps_increase_and_later_ones_can_be_taken_away(tmp_path: Path) -> None:
    policy, kept = filled(tmp_path)
    writer = SnapshotWriter(tmp_path)
    for step in (29, 30):
        with pytest.raises(
            ValueError, match=rf"Steps increase, but step {step} was to be added to .*, whose last is 30"
        ):
            writer.add(step, policy)
    with pytest.raises(ValueError, match="whose last is 30"):
        writer.add(20, policy, replace_last=True)
    with pytest.raises(ValueError, match="step must be a whole number ≥ 0"):
        writer.add(-1, policy)
    archive = SnapshotArchive(tmp_path)
    assert archive.remove_after(15) == [20, 30]
    assert archive.steps == [0, 10]
    SnapshotWriter(tmp_path).add(16, policy)
    assert archive.damage() == {}
    assert bits_of(archive.theta(10)) == kept[10]
    with pytest.raises(ValueError, match="step must be a whole number ≥ 0"):
        archive.remove_after(-1)


def test_a_kill_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    """A process that SIGKILL ends while the third snapshot is half written; another goes on after it."""
    policy = build("ppo").policy

    def child() -> None:
        writer = SnapshotWriter(tmp_path)
        for step in (0, 1):
            shift(policy, 0.1)
            writer.add(step, policy)
        write, written = zipfile.ZipFile.writestr, []

        def dying(archive: zipfile.ZipFile, *arguments: Any) -> None:
            write(archive, *arguments)
            written.append(arguments)
            if len(written) == 4:
                archive.fp.flush()
                os.kill(os.getpid(), signal.SIGKILL)

        zipfile.ZipFile.writestr = dying  # type: ignore[method-assign, assignment]
        shift(policy, 0.1)
        writer.add(2, policy)

    process: Any = FORK.Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    (partial,) = tmp_path.glob(".theta_0000000002.npz.*.tmp")
    assert partial.stat().st_size > 500
    archive = SnapshotArchive(tmp_path)
    assert archive.steps == [0, 1]
    assert archive.damage() == {}
    for step in (0, 1):
        shift(policy, 0.1)
        assert bits_of(archive.theta(step)) == bits(policy)
    shift(policy, 0.1)
    SnapshotWriter(tmp_path).add(2, policy)
    assert not partial.exists()
    assert bits_of(archive.theta(2)) == bits(policy)


def test_a_cut_file_is_named_with_what_is_left(tmp_path: Path) -> None:
    _, kept = filled(tmp_path)
    cut(tmp_path / "theta_0000000020.npz")
    archive = SnapshotArchive(tmp_path)
    for use in (archive.theta, archive.statistics, lambda step: archive.put_into(build("ppo"), step)):
        with pytest.raises(ValueError, match=r"step 20 in .* cannot be read: theta_0000000020\.npz cannot be read: "
        r"File is not a zip file\. The rest can be: 0, 10, 30\."):  # fmt: skip
            use(20)
    for step in (0, 10, 30):
        assert bits_of(archive.theta(step)) == kept[step]
    # What the first alone holds, the later ones lack.
    cut(tmp_path / "theta_0000000000.npz")
    assert set(archive.damage()) == {0, 10, 20, 30}
    with pytest.raises(
        ValueError, match=r"step 30 .*: theta_0000000000\.npz cannot be read: .* Nor can any other of it"
    ):
        archive.theta(30)
    (tmp_path / "theta_0000000000.npz").unlink()
    with pytest.raises(ValueError, match=r"step 30 .*: theta_0000000000\.npz is not there"):
        archive.theta(30)


def test_a_training_goes_on_behind_damage(tmp_path: Path) -> None:
    """A later snapshot does not lean on what cannot be read, whether the file says so or a byte of an array."""
    policy, _ = filled(tmp_path)
    file = tmp_path / "theta_0000000000.npz"
    content = bytearray(file.read_bytes())
    frozen = policy.mlp_extractor.policy_net[0].weight.detach().numpy().tobytes()
    content[content.index(frozen)] ^= 1
    file.write_bytes(content)
    archive = SnapshotArchive(tmp_path)
    assert (
        "mlp_extractor.policy_net.0.weight of θ, kept in theta_0000000000.npz, cannot be read" in archive.damage()[30]
    )
    shift(policy, 0.1)
    SnapshotWriter(tmp_path).add(40, policy)
    cut(tmp_path / "theta_0000000030.npz")
    assert SnapshotWriter(tmp_path).add(50, policy) == 0
    assert set(archive.damage()) == {0, 10, 20, 30}
    assert bits_of(archive.theta(40)) == bits_of(archive.theta(50)) == bits(policy)


def test_no_byte_can_be_another_unnoticed(tmp_path: Path) -> None:
    _, kept = filled(tmp_path, (5,))
    archive, file = SnapshotArchive(tmp_path), tmp_path / "theta_0000000005.npz"
    whole, rng, refused = file.read_bytes(), np.random.default_rng(0), 0
    changed = [whole[:length] for length in rng.integers(0, len(whole), 30)]
    for place in rng.integers(0, len(whole), 90):
        changed.append(whole[:place] + bytes([whole[place] ^ int(rng.integers(1, 256))]) + whole[place + 1 :])
    for content in changed:
        file.write_bytes(content)
        try:
            assert bits_of(archive.theta(5)) == kept[5]  # a time, or a version that is needed to unpack
        except ValueError:
            refused += 1
    assert refused > 90


def rewritten(file: Path, index: dict[str, Any], members: dict[str, bytes], compression: int = 0) -> None:
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in {"snapshot.json": json.dumps(index).encode(), **members}.items():
            archive.writestr(name, content)


def test_what_somebody_else_has_written_is_not_believed(tmp_path: Path) -> None:
    filled(tmp_path, (5,))
    archive, file = SnapshotArchive(tmp_path), tmp_path / "theta_0000000005.npz"
    with zipfile.ZipFile(file) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    index = json.loads(members.pop("snapshot.json"))
    first = next(iter(index["theta"]))

    def said(change: Any) -> str:
        other = json.loads(json.dumps(index))
        change(other)
        rewritten(file, other, members)
        with pytest.raises(ValueError, match="Nor can any other") as raised:
            archive.theta(5)
        return str(raised.value)

    assert "is no snapshot" in said(lambda i: i.update(format="another"))
    assert "has version 2 of the format, and this sb3_entropy reads 1" in said(lambda i: i.update(version=2))
    assert "is the snapshot of step 6, under another name" in said(lambda i: i.update(step=6))
    assert "says of step what is not known" in said(lambda i: i.update(step="many"))
    assert f"says of theta.{first}.shape what is not known" in said(lambda i: i["theta"][first].pop("shape"))
    assert "and <f8 of" in said(lambda i: i["theta"][first].update(dtype="<f8"))
    assert "was announced" in said(lambda i: i["theta"][first].update(shape=[1, 10**15]))
    assert f"{first}, kept in theta_0000000005.npz, cannot be read: There is no item named '..'" in re.sub(
        "'[^']*npy'", "'..'", said(lambda i: i["theta"][first].update(sha256="../../etc/passwd"))
    )
    rewritten(file, index, members, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed, which no snapshot is"):
        archive.theta(5)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="cannot be read"):
        archive.theta(5)


def test_arrays_that_are_not_what_they_seem() -> None:
    """Bytes with their own true hash, so that only what they say of themselves is left to be checked."""

    def npy(array: np.ndarray, **options: Any) -> bytes:
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, **{"version": (1, 0), **options})
        return stream.getvalue()

    def refused(content: bytes, shape: tuple[int, ...], dtype: str = "<f4") -> str:
        kept = snapshot_file.Kept(dtype, shape, snapshot_file.hashlib.sha256(content).hexdigest(), 0)
        with pytest.raises(UnreadableError) as raised:
            decoded(content, kept)
        return str(raised.value)

    numbers = np.arange(6, dtype="<f4").reshape(2, 3)
    kept, content = encoded(numbers, 3)
    assert np.array_equal(decoded(content, kept), numbers)
    assert decoded(*reversed(encoded(np.float32(2.5).reshape(()), 0))) == 2.5
    turned = encoded(numbers.T, 0)
    assert np.array_equal(decoded(*reversed(turned)), numbers.T)
    with pytest.raises(UnreadableError, match="its bytes are not those that were written"):
        decoded(content + b"1", kept)
    assert "it is no .npy" in refused(b"abc", (2, 3))
    assert "it is of another version of .npy" in refused(npy(numbers, version=(2, 0)), (2, 3))
    assert "it is <f4 of the shape (2, 3), and <f4 of (3, 2) was announced" in refused(content, (3, 2))
    assert "of the shape (2, 3), and <f4 of (2, 3)" in refused(npy(np.asfortranarray(numbers)), (2, 3))
    assert "it is |O of" in refused(npy(np.array([None]), allow_pickle=True), (1,), "|O")
    assert "it has 20 bytes, which are no <f4 of the shape (2, 3)" in refused(content[:-4], (2, 3))


def test_another_architecture_is_refused_and_named(tmp_path: Path) -> None:
    filled(tmp_path)
    archive, other = SnapshotArchive(tmp_path), build("ppo", policy_kwargs={"net_arch": [9]})
    before = bits(other.policy)
    with pytest.raises(ValueError, match=r"step 10 in .* does not fit the ActorCriticPolicy, .* For 'mlp_"
    r"extractor.policy_net.0.weight' the snapshot has the shape \(8, 3\), and the policy has .* \(9, 3\)"):  # fmt: skip
        archive.put_into(other, 10)
    with pytest.raises(
        ValueError, match=r"For 'actor.latent_pi.0.weight' the snapshot has none, and the policy has the shape"
    ):
        archive.put_into(build("sac"), 10)
    with pytest.raises(ValueError, match="snapshot has float32, and the policy has float64"):
        archive.put_into(build("ppo").policy.double(), 10)
    assert bits(other.policy) == before
    with pytest.raises(ValueError, match=r"holds snapshots of another policy: for 'mlp_.*' they have <f4 of the shape "
    r"\(8, 3\), and this one has <f4 of the shape \(9, 3\). Give another folder"):  # fmt: skip
        SnapshotWriter(tmp_path).add(40, other.policy)
    with pytest.raises(ValueError, match="they have none, and this one has <f4"):
        SnapshotWriter(tmp_path).add(40, build("sac").policy)
    with pytest.raises(TypeError, match="θ is put into a model or a policy, but a dict was given"):
        archive.put_into({}, 10)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"'log_std' of the ActorCriticPolicy is no array of NumPy's .*BFloat16"):
        SnapshotWriter(tmp_path / "other").add(0, build("ppo").policy.bfloat16())
    assert archive.steps == [0, 10, 20, 30]


def test_steps_that_are_not_there(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(ValueError, match=r"There is no snapshot of step 15 in .*\. Those are kept of 0, 10, 20, 30\."):
        SnapshotArchive(tmp_path).theta(15)
    nowhere = SnapshotArchive(tmp_path / "nowhere")
    assert nowhere.steps == []
    with pytest.raises(ValueError, match="It has none: check the path"):
        nowhere.put_into(build("ppo"), 0)
    writer = SnapshotWriter(tmp_path / "many")
    for step in range(30):
        writer.add(step, build("ppo").policy)
    with pytest.raises(ValueError, match=r"kept of 0, 1, .* 11, …, 18, .*, 29 \(30 in all\)"):
        writer.archive.theta(99)


def normalised(norm_reward: bool = True, keys: list[str] | None = None, seed: int = 0) -> VecNormalize:
    env = VecNormalize(DummyVecEnv([Steps]), norm_reward=norm_reward)
    env.seed(seed)
    env.reset()
    for _ in range(10):
        env.step(np.ones((1, 2), np.float32))
    return env


def test_statistics_come_with_theta(tmp_path: Path) -> None:
    env = normalised()
    model = build("ppo", env)
    writer = SnapshotWriter(tmp_path)
    writer.add(0, model.policy, env)
    then = {name: np.copy(getattr(env.obs_rms, name)) for name in ("mean", "var", "count")}
    then_returns = float(env.ret_rms.var)
    observation = np.array([[1.0, -2.0, 0.5]], np.float32)
    seen = env.normalize_obs(observation)
    env.step(np.ones((1, 2), np.float32))
    writer.add(5, model.policy)
    assert not np.array_equal(env.normalize_obs(observation), seen)
    archive = SnapshotArchive(tmp_path)
    kept = archive.statistics(0)
    assert set(kept) == {f"{name}.{part}" for name in ("obs_rms", "ret_rms") for part in ("mean", "var", "count")}
    assert all(np.array_equal(kept[f"obs_rms.{name}"], value) for name, value in then.items())
    archive.put_into(model, 0)
    assert np.array_equal(env.normalize_obs(observation), seen)
    assert float(env.ret_rms.var) == then_returns != 1
    played = normalised(norm_reward=False, seed=3)
    untouched = float(played.ret_rms.var)
    archive.put_statistics_into(played, 0)
    assert np.array_equal(played.normalize_obs(observation), seen)
    assert float(played.ret_rms.var) == untouched
    played.step(np.ones((1, 2), np.float32))  # goes on with its own copy
    assert np.array_equal(archive.statistics(0)["obs_rms.mean"], then["mean"])
    with pytest.raises(ValueError, match=r"by obs_rms, whose mean has the shape \(3,\) here, but kept is nothing of it"
    ": the policy would not see what it saw then"):  # fmt: skip
        archive.put_into(model, 5)
    shift(model.policy, 1.0)
    before = bits(model.policy)
    with pytest.raises(ValueError, match="kept is nothing of it"):
        archive.put_into(model, 5)
    assert bits(model.policy) == before
    archive.put_into(model.policy, 5)
    assert bits(model.policy) != before


def test_statistics_of_a_mapping_of_observations(tmp_path: Path) -> None:
    from gymnasium import spaces

    class Named(Steps):
        def __init__(self) -> None:
            super().__init__()
            self.observation_space = spaces.Dict({"a": spaces.Box(-3, 3, (3,)), "b": spaces.Box(-1, 1, (2, 2))})

        def _observed(self) -> Any:
            return {key: self.np_random.uniform(-3, 3, box.shape) for key, box in self.observation_space.items()}  # type: ignore[attr-defined]

    env = VecNormalize(DummyVecEnv([Named]))
    env.seed(0)
    env.reset()
    policy = build("ppo").policy
    writer = SnapshotWriter(tmp_path)
    writer.add(0, policy, env)
    kept = writer.archive.statistics(0)
    assert {"obs_rms/a.mean", "obs_rms/b.var"} < set(kept)
    assert kept["obs_rms/b.var"].shape == (2, 2)
    other = VecNormalize(DummyVecEnv([Named]))
    writer.archive.put_statistics_into(other, 0)
    for key in "ab":
        assert np.array_equal(other.obs_rms[key].mean, env.obs_rms[key].mean)
        assert other.obs_rms[key].count == env.obs_rms[key].count > 1
    with pytest.raises(ValueError, match=r"normalises by obs_rms, whose mean has the shape \(3,\)"):
        writer.archive.put_statistics_into(normalised(), 0)


def test_a_zip_gets_the_theta_of_a_step(tmp_path: Path) -> None:
    for key in ("sppo", "sac", "ppo"):
        model = build(key)
        writer = SnapshotWriter(tmp_path / key)
        writer.add(0, model.policy)
        then = bits(model.policy)
        shift(model.policy, 0.5)
        model.save(tmp_path / f"{key}_agent")
        archive = SnapshotArchive(tmp_path / key)
        for name in (f"{key}_agent.zip", f"{key}_agent"):
            restored = archive.restore(tmp_path / name, step=0, device="cpu")
            assert type(restored) is FAMILIES[key]
            assert bits(restored.policy) == then
    assert type(archive.restore(tmp_path / "ppo_agent.zip", 0, algorithm=FAMILIES["sppo"])) is FAMILIES["sppo"]
    env = normalised()
    with pytest.raises(ValueError, match="kept is nothing of it"):
        archive.restore(tmp_path / "ppo_agent.zip", 0, env=env)
    with pytest.raises(ValueError, match="does not fit the SACPolicy"):
        archive.restore(tmp_path / "sac_agent.zip", 0)
    with pytest.raises(FileNotFoundError, match="There is no saved model at"):
        archive.restore(tmp_path / "nobody", 0)
    with pytest.raises(ValueError, match="There is no snapshot of step 1"):
        archive.restore(tmp_path / "nobody", 1)


def test_a_zip_runs_nothing(tmp_path: Path, trap: Any) -> None:
    model = build("sac")
    model.anything = trap
    model.save(tmp_path / "agent")
    writer = SnapshotWriter(tmp_path / "archive")
    writer.add(0, model.policy)
    with pytest.raises(ValueError, match="could do anything"):
        writer.archive.restore(tmp_path / "agent.zip", 0)
    assert not trap.file.exists()
    assert isinstance(writer.archive.restore(tmp_path / "agent.zip", 0, trust=True), SAC)
    trap.file.unlink()
