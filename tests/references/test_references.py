"""Reference policies: what they remember, when, and that they disturb nothing."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from sb3_entropy import SPPO
from sb3_entropy.distributions.laws import Finite, law_of
from sb3_entropy.offline import collect_log
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.references import Reference, make_reference

STATES = th.linspace(-1, 1, 12).view(4, 3)


class Bandit(gym.Env):
    """One step an episode; three numbers to see, and any actions."""

    observation_space = spaces.Box(-1, 1, (3,), np.float32)

    def __init__(self, actions: spaces.Space | None = None):
        self.action_space = spaces.Discrete(4) if actions is None else actions

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.np_random.uniform(-1, 1, 3).astype(np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.zeros(3, np.float32), float(np.sum(action)), True, False, {}


def make_policy(seed: int = 0, actions: spaces.Space | None = None) -> Any:
    """:return: the policy of a small untrained PPO"""
    return PPO("MlpPolicy", Bandit(actions), seed=seed, device="cpu", policy_kwargs={"net_arch": [8]}).policy


def move(policy: Any, seed: int) -> dict[str, th.Tensor]:
    """Change every parameter. Returns what they are now."""
    generator = th.Generator().manual_seed(seed)
    with th.no_grad():
        for parameter in policy.parameters():
            parameter.copy_(th.randn(parameter.shape, generator=generator))
    return {name: tensor.clone() for name, tensor in policy.state_dict().items()}


def law_with(policy: Any, parameters: dict[str, th.Tensor]) -> Any:
    """The law of another policy object that has these parameters."""
    twin = make_policy(actions=policy.action_space)
    twin.load_state_dict(parameters)
    with th.no_grad():
        return law_of(twin.get_distribution(STATES), policy.action_space)


def probabilities(laws: list[tuple[float, Any]]) -> th.Tensor:
    """The only law's table of probabilities."""
    ((weight, law),) = laws
    assert weight == 1
    assert isinstance(law, Finite)
    return law.log_probs[0].exp()


def laws_of(reference: Reference, policy: Any) -> list[tuple[float, Any]]:
    with th.no_grad():
        return reference.laws(policy, STATES, law_of(policy.get_distribution(STATES), policy.action_space))


@pytest.mark.parametrize("actions", [spaces.Discrete(4), spaces.MultiDiscrete([3, 2]), spaces.MultiBinary(3)])
def test_uniform_over_choices(actions: spaces.Space) -> None:
    policy = make_policy(actions=actions)
    reference = make_reference("uniform")
    reference.begin(policy)
    ((weight, law),) = laws_of(reference, policy)
    assert weight == 1
    for log_probs in law.log_probs:
        assert log_probs.shape[0] == 4
        assert th.allclose(log_probs.exp(), th.full_like(log_probs, 1 / log_probs.shape[1]))


def test_uniform_over_a_box_and_not_over_the_line() -> None:
    policy = make_policy(actions=spaces.Box(np.float32([-1, 0]), np.float32([1, 4])))
    ((_, law),) = laws_of(make_reference("uniform"), policy)
    assert th.allclose(law.log_prob(th.zeros(1, 4, 2)), th.tensor(-np.log(8.0), dtype=th.float32))
    policy.action_space = spaces.Box(-np.inf, np.inf, (2,))
    with pytest.raises(ValueError, match="no uniform distribution"):
        make_reference("uniform").begin(policy)


def test_previous_is_the_policy_before_the_last_update() -> None:
    policy = make_policy()
    reference = make_reference("previous")
    history = []
    for update in range(4):
        history.append(move(policy, update))
        reference.before_update(policy)
        laws = laws_of(reference, policy)
        if update == 0:
            assert laws == []
        else:
            expected = law_with(policy, history[update - 1]).log_probs[0].exp()
            assert th.allclose(probabilities(laws), expected, atol=1e-6)


@pytest.mark.parametrize(("n_snapshots", "every", "decay"), [(3, 1, 1.0), (2, 2, 0.5), (2, 3, 1.0)])
def test_window_and_spacing_and_weights(n_snapshots: int, every: int, decay: float) -> None:
    policy = make_policy()
    options = {"n_snapshots": n_snapshots, "every": every, "decay": decay}
    mixed, apart = make_reference("previous", **options), make_reference("previous", combine="mean", **options)
    history = []
    for update in range(9):
        history.append(move(policy, update))
        mixed.before_update(policy)
        apart.before_update(policy)
        taken = [k for k in range(update) if k % every == 0][-n_snapshots:]
        if not taken:
            continue
        raw = np.array([decay ** (len(taken) - 1 - i) for i in range(len(taken))])
        weights = raw / raw.sum()
        tables = [law_with(policy, history[k]).log_probs[0].exp() for k in taken]
        expected = sum(float(w) * table for w, table in zip(weights, tables, strict=True))
        assert th.allclose(probabilities(laws_of(mixed, policy)), expected, atol=1e-6)
        found = laws_of(apart, policy)
        assert [weight for weight, _ in found] == pytest.approx(list(weights))
        for (_, law), table in zip(found, tables, strict=True):
            assert th.allclose(law.log_probs[0].exp(), table, atol=1e-6)


def test_ema_averages_the_parameters() -> None:
    policy = make_policy()
    reference = make_reference("ema", decay=0.8)
    average: dict[str, th.Tensor] = {}
    for update in range(5):
        now = move(policy, update)
        reference.before_update(policy)
        if update == 0:
            assert laws_of(reference, policy) == []
        else:
            expected = law_with(policy, average).log_probs[0].exp()
            assert th.allclose(probabilities(laws_of(reference, policy)), expected, atol=1e-5)
        average = {name: 0.8 * average[name] + 0.2 * now[name] for name in now} if average else now


def test_looking_back_changes_nothing() -> None:
    policy = make_policy()
    reference = make_reference("previous", n_snapshots=2)
    for update in range(3):
        now = move(policy, update)
        reference.before_update(policy)
    generator = th.get_rng_state()
    policy.set_training_mode(True)
    laws_of(reference, policy)
    assert policy.training
    assert th.equal(generator, th.get_rng_state())
    assert all(th.equal(tensor, now[name]) for name, tensor in policy.state_dict().items())
    assert all(parameter.requires_grad for parameter in policy.parameters())


def test_a_snapshot_is_pickled_as_arrays_and_refuses_another_network() -> None:
    policy = make_policy()
    snapshot = Snapshot(policy)
    assert all(isinstance(array, np.ndarray) for array in snapshot.__getstate__().values())
    again = pickle.loads(pickle.dumps(snapshot))
    assert th.equal(
        snapshot.law(policy, STATES).log_probs[0],
        again.law(policy, STATES).log_probs[0],
    )
    with pytest.raises(ValueError, match="do not fit the policy's network"):
        snapshot.law(PPO("MlpPolicy", Bandit(), device="cpu", policy_kwargs={"net_arch": [9]}).policy, STATES)


class Extractor(BaseFeaturesExtractor):
    """Features that are learned."""

    def __init__(self, observation_space: spaces.Box):
        super().__init__(observation_space, 5)
        self.layer = th.nn.Linear(3, 5)

    def forward(self, observations: th.Tensor) -> th.Tensor:
        return th.tanh(self.layer(observations))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("key", ["previous", "ema"])
def test_features_that_are_learned_are_of_their_time(key: str, shared: bool) -> None:
    """A shared extractor has three names in the state, separate ones two: the old policy acts with its own."""
    kwargs = {"features_extractor_class": Extractor, "share_features_extractor": shared, "net_arch": [8]}
    policy = PPO("MlpPolicy", Bandit(), seed=0, device="cpu", policy_kwargs=kwargs).policy
    reference = make_reference(key, **({"decay": 0.0} if key == "ema" else {}))
    reference.before_update(policy)
    old = law_of(policy.get_distribution(STATES), policy.action_space).detach()
    moved = move(policy, 3)
    held = dict(policy.named_parameters(remove_duplicate=False))
    reference.before_update(policy)
    assert th.allclose(probabilities(laws_of(reference, policy)), old.log_probs[0].exp(), atol=1e-6)
    # The policy has its own parameters back, the very objects, under all their names.
    assert all(parameter is held[name] for name, parameter in policy.named_parameters(remove_duplicate=False))
    assert all(th.equal(tensor, moved[name]) for name, tensor in policy.state_dict().items())
    frozen = make_reference("frozen", policy=policy)
    frozen.begin(policy)
    now = law_of(policy.get_distribution(STATES), policy.action_space).detach()
    move(policy, 4)
    assert th.allclose(probabilities(laws_of(frozen, policy)), now.log_probs[0].exp(), atol=1e-6)


# ---------------------------------------------------------------------- frozen policies


@pytest.mark.parametrize("algorithm", [PPO, A2C, SPPO])
def test_frozen_from_a_file(algorithm: Any, tmp_path: Path) -> None:
    other = algorithm("MlpPolicy", Bandit(), seed=5, device="cpu", policy_kwargs={"net_arch": [5, 5]})
    other.save(tmp_path / "other")
    with th.no_grad():
        expected = other.policy.get_distribution(STATES).distribution.probs
    policy = make_policy()
    for source in (tmp_path / "other.zip", str(tmp_path / "other"), other, other.policy):
        th.manual_seed(3)
        before = th.get_rng_state()
        reference = make_reference("frozen", policy=source)
        reference.begin(policy)
        assert th.equal(before, th.get_rng_state())
        again = pickle.loads(pickle.dumps(reference))
        again.begin(policy)
        for each in (reference, again):
            each.before_update(policy)
            assert th.allclose(probabilities(laws_of(each, policy)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("epsilon", "support"), [(0.0, None), (0.9, None), (0.2, [0, 2]), (0.0, [1, 3]), (1.0, [0, 1, 2])]
)
@pytest.mark.parametrize("who", ["model", "uniform"])
def test_frozen_from_a_log_is_what_was_played(who: str, epsilon: float, support: Any, tmp_path: Path) -> None:
    model = PPO("MlpPolicy", Bandit(), seed=5, device="cpu", policy_kwargs={"net_arch": [5]})
    move(model.policy, 2)
    log = collect_log(model if who == "model" else "uniform", Bandit(), 20, seed=0, epsilon=epsilon, support=support)
    log.save(tmp_path / "log")
    policy = make_policy()
    reference = make_reference("frozen", policy=tmp_path / "log.npz")
    reference = pickle.loads(pickle.dumps(reference))
    reference.begin(policy)
    contexts = th.as_tensor(log.contexts)
    p = law_of(policy.get_distribution(contexts), policy.action_space)
    assert log.behaviour is not None
    found = probabilities(reference.laws(policy, contexts, p))
    assert th.allclose(found, th.as_tensor(log.behaviour, dtype=th.float32), atol=1e-6)
    with pytest.raises(ValueError, match="frozen reference"):
        reference.begin(make_policy(actions=spaces.Discrete(5)))


def test_a_log_without_its_policy_is_no_reference(tmp_path: Path) -> None:
    log = collect_log("uniform", Bandit(), 5, seed=0)
    replace(log, epsilon=0.0).save(tmp_path / "without")
    with pytest.raises(ValueError, match=r"without.npz does not hold the policy.*collect_log"):
        make_reference("frozen", policy=tmp_path / "without.npz")


@pytest.mark.parametrize(
    ("actions", "name"), [(spaces.Discrete(5), "action space"), (spaces.MultiDiscrete([2, 2]), "action space")]
)
def test_a_frozen_policy_of_another_space_is_refused(actions: spaces.Space, name: str) -> None:
    reference = make_reference("frozen", policy=make_policy(actions=actions))
    with pytest.raises(ValueError, match=f"frozen reference has the {name}.*same spaces"):
        reference.begin(make_policy())


def test_a_frozen_policy_of_other_observations_is_refused() -> None:
    class Wide(Bandit):
        observation_space = spaces.Box(-1, 1, (4,), np.float32)

    other = PPO("MlpPolicy", Wide(), device="cpu").policy
    with pytest.raises(ValueError, match=r"frozen reference has the observation space Box.*\(4,\)"):
        make_reference("frozen", policy=other).begin(make_policy())


def test_files_that_hold_no_policy_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no reference policy at .*none"):
        make_reference("frozen", policy=tmp_path / "none")
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"bad.zip holds no policy that can be read"):
        make_reference("frozen", policy=tmp_path / "bad.zip")
    DQN("MlpPolicy", Bandit(), device="cpu", buffer_size=10).save(tmp_path / "dqn")
    with pytest.raises(ValueError, match=r"its policy is a DQNPolicy, not an ActorCriticPolicy"):
        make_reference("frozen", policy=tmp_path / "dqn.zip")
    with pytest.raises(TypeError, match="needs the file of a saved model"):
        make_reference("frozen", policy=3)


@pytest.mark.parametrize(
    ("key", "options", "error", "message"),
    [
        ("unifrom", {}, ValueError, "Did you mean 'uniform'"),
        ("uniform", {"n": 3}, ValueError, "Unknown option of reference='uniform' 'n'"),
        (
            "frozen",
            {},
            ValueError,
            r"reference='frozen' needs the option 'policy'. Add it: reference_kwargs=dict\(policy=…\)",
        ),
        ("previous", {"n_snapshots": 0}, ValueError, "n_snapshots must be a whole number ≥ 1"),
        ("previous", {"n_snapshot": 2}, ValueError, "Did you mean 'n_snapshots'"),
        ("previous", {"every": 1.5}, TypeError, "every must be a whole number"),
        ("previous", {"decay": 0.0}, ValueError, "decay must be a number > 0"),
        ("previous", {"combine": "sum"}, ValueError, "Unknown combine 'sum'"),
        ("ema", {"decay": 1.0}, ValueError, "the average would never move"),
        ("ema", {"decay": -0.1}, ValueError, "decay must be a number between 0 and 1"),
        (3, {}, TypeError, "A reference is given by its name"),
    ],
)
def test_wrong_input(key: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_reference(key, **options)


def test_an_object_is_taken_as_it_is() -> None:
    reference = make_reference("ema")
    assert make_reference(reference) is reference
    with pytest.raises(ValueError, match="made already and takes no options, but decay was given"):
        make_reference(reference, decay=0.5)


def test_a_frozen_policy_that_sees_mappings() -> None:
    class Two(Bandit):
        observation_space = spaces.Dict({"a": spaces.Box(-1, 1, (3,), np.float32), "b": spaces.Discrete(2)})

    policy = PPO("MultiInputPolicy", Two(), seed=0, device="cpu", policy_kwargs={"net_arch": [8]}).policy
    states = {"a": STATES, "b": th.tensor([0, 1, 1, 0])[:, None]}
    with th.no_grad():
        expected = policy.get_distribution(states).distribution.probs
    reference = pickle.loads(pickle.dumps(make_reference("frozen", policy=policy)))
    reference.begin(policy)
    move(policy, 1)
    p = law_of(policy.get_distribution(states), policy.action_space)
    assert th.allclose(probabilities(reference.laws(policy, states, p)), expected, atol=1e-6)
