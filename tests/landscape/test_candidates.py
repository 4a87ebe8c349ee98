"""Candidates against Stable-Baselines3's own policies with the same parameters."""

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from scipy import stats
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from sb3_entropy import SPPO
from sb3_entropy.landscape import Conditions
from sb3_entropy.landscape.candidates.heads import GaussianHead
from sb3_entropy.landscape.candidates.making import candidates_of, own_copy
from sb3_entropy.landscape.candidates.normalizing import Normalizer
from sb3_entropy.policies.laws import law_at
from sb3_entropy.policies.looking import looked_at
from sb3_entropy.policies.parameters import ParameterVector
from tests.policies.families import BOX, FAMILIES, SQUASHED, Steps, build

N_CANDIDATES, N_STATES = 3, 5
OBSERVATIONS = np.random.default_rng(3).normal(size=(N_CANDIDATES, N_STATES, 3)).astype(np.float32)
#: how an architecture is computed
GENERAL = {"crossq", "qrdqn"}
SCHEMES = ("global", "local", "global_local", "global_clipped_local", "fixed")


class Cubes(BaseFeaturesExtractor):
    """Features that are no multilayer perceptron's."""

    def __init__(self, observation_space):
        super().__init__(observation_space, features_dim=3)
        self.scale = nn.Parameter(th.tensor([0.5, -1.0, 0.7]))

    def forward(self, observations):
        return (self.scale * observations) ** 3


class Doubting(BaseFeaturesExtractor):
    """Features that ``torch.vmap`` cannot follow."""

    def __init__(self, observation_space):
        super().__init__(observation_space, features_dim=3)

    def forward(self, observations):
        return observations if observations.sum() > 0 else observations + 1


def _made(model, conditions=None):
    policy = own_copy(model.policy)
    theta0 = ParameterVector(policy).get().double().numpy()
    thetas = theta0 + 0.1 * np.random.default_rng(5).normal(size=(N_CANDIDATES, len(theta0)))
    candidates = candidates_of(policy, conditions or Conditions(), Normalizer.none())
    return candidates, thetas


def _noise(head, seed=9):
    rng = np.random.default_rng(seed)
    shape = (N_CANDIDATES, N_STATES, head.n_noise)
    return rng.normal(size=shape).astype(np.float32) if head.noise == "normal" else rng.uniform(size=shape)


def _check_modes(model, observations=OBSERVATIONS):
    """The head's mode, and the action without noise, are what ``predict`` gives with each candidate's parameters."""
    candidates, thetas = _made(model)
    found = candidates.head.mode(candidates.networks.stack(thetas).leaves(observations))
    vector = ParameterVector(model.policy)
    before = vector.get().clone()
    for k, theta in enumerate(thetas):
        vector.set(th.as_tensor(theta, dtype=th.float32))
        wanted, _ = model.policy.predict(observations[k], deterministic=True)
        np.testing.assert_allclose(found[k], wanted, atol=1e-5)
    vector.set(before)
    return candidates, thetas


@pytest.mark.parametrize("key", FAMILIES)
def test_every_family_acts_as_its_policy_does(key):
    candidates, _ = _check_modes(build(key, policy_kwargs={"net_arch": [8, 6]}))
    assert candidates.networks.name == ("general" if key in GENERAL else "dense")


@pytest.mark.parametrize("net_arch", [[], [7], [8, 6, 5]])
@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_layers_of_any_number_are_stacked(net_arch, activation):
    model = build("ppo", policy_kwargs={"net_arch": net_arch, "activation_fn": activation})
    assert _check_modes(model)[0].networks.name == "dense"


@pytest.mark.parametrize(
    "kwargs",
    [
        {"activation_fn": nn.ELU},
        {"features_extractor_class": Cubes},
        {"features_extractor_class": Cubes, "share_features_extractor": False},
        {"features_extractor_class": Doubting},
    ],
    ids=["elu", "cubes", "own cubes", "unmappable"],
)
def test_any_other_network_goes_through_its_own_modules(kwargs):
    assert _check_modes(build("sppo", policy_kwargs=kwargs))[0].networks.name == "general"


@pytest.mark.parametrize("extractor", [Cubes, Doubting])
def test_what_a_candidate_does_does_not_depend_on_those_beside_it(extractor):
    for kwargs in ({}, {"features_extractor_class": extractor}):
        candidates, thetas = _made(build("ppo", policy_kwargs=kwargs))
        stack = candidates.networks.stack(thetas)
        together = stack.leaves(OBSERVATIONS)[0]
        alone = candidates.networks.stack(thetas[2:]).leaves(OBSERVATIONS[2:])[0]
        stack.keep(np.array([False, True, True]))
        np.testing.assert_array_equal(together[2:], alone)
        np.testing.assert_array_equal(stack.leaves(OBSERVATIONS[1:])[0], together[1:])


def _laws(model, thetas):
    """:return: a function that gives the law of each candidate in its states"""
    vector = ParameterVector(model.policy)
    for k, theta in enumerate(thetas):
        with looked_at(model.policy), vector.at(th.as_tensor(theta, dtype=th.float32)):
            yield k, law_at(model.policy, th.as_tensor(OBSERVATIONS[k]))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("extractor", [None, Cubes])
def test_a_gaussian_is_mean_plus_its_own_std_times_noise(scheme, extractor):
    kwargs = {"std_scheme": scheme, "log_std_init": -0.5}
    if extractor:
        kwargs["features_extractor_class"] = extractor
    model = build("sppo", policy_kwargs=kwargs)
    candidates, thetas = _made(model)
    leaves, noise = candidates.networks.stack(thetas).leaves(OBSERVATIONS), _noise(candidates.head)
    actions, entropies = candidates.head.act(leaves, noise), candidates.head.entropy(leaves)
    for k, law in _laws(model, thetas):
        wanted = np.clip(law.mean.numpy() + law.std.numpy() * noise[k], BOX.low, BOX.high)
        np.testing.assert_allclose(actions[k], wanted, atol=1e-5)
        found = np.broadcast_to(entropies, (N_CANDIDATES, N_STATES))[k]
        np.testing.assert_allclose(found, law.entropy().numpy(), atol=1e-5)


@pytest.mark.parametrize("key", ["sac", "tqc", "crossq", "tanh_gaussian"])
def test_a_squashed_gaussian_is_squashed_and_stretched(key):
    model = build(key) if key in SQUASHED else build("sppo", policy_kwargs={"action_distribution": key}, ent_coef=0.0)
    candidates, thetas = _made(model)
    noise = _noise(candidates.head)
    actions = candidates.head.act(candidates.networks.stack(thetas).leaves(OBSERVATIONS), noise)
    for k, law in _laws(model, thetas):
        x = np.tanh(law.mean.numpy() + law.std.numpy() * noise[k])
        np.testing.assert_allclose(actions[k], BOX.low + (BOX.high - BOX.low) * (x + 1) / 2, atol=1e-5)


def test_a_given_std_stands_in_the_place_of_any():
    for model in (build("sppo", policy_kwargs={"std_scheme": "local"}), build("ppo"), build("sac")):
        plain, thetas = _made(model)
        other, _ = _made(model, Conditions(std=0.3))
        still, _ = _made(model, Conditions(std=0.0))
        noise = _noise(other.head)
        mean, log_std = plain.networks.stack(thetas).leaves(OBSERVATIONS)
        leaves = other.networks.stack(thetas).leaves(OBSERVATIONS)
        scaled = 0.3 * noise / np.exp(log_std)
        np.testing.assert_allclose(
            other.head.act(leaves, noise), plain.head.act((mean, log_std), scaled.astype(np.float32)), atol=1e-5
        )
        np.testing.assert_array_equal(still.head.act(leaves, noise[..., :0]), plain.head.mode((mean,)))
        if not other.head.squashed:
            wanted = stats.norm(scale=0.3).entropy() * 2
            np.testing.assert_allclose(other.head.entropy(leaves), wanted)


def test_with_gsde_the_std_is_given():
    model = build("ppo", use_sde=True)
    with pytest.raises(ValueError, match=r"gSDE.*Conditions\(std"):
        _made(model)
    candidates, thetas = _made(model, Conditions(std=0.2))
    assert isinstance(candidates.head, GaussianHead)
    found = candidates.head.mode(candidates.networks.stack(thetas).leaves(OBSERVATIONS))
    vector = ParameterVector(model.policy)
    with vector.at(th.as_tensor(thetas[1], dtype=th.float32)):
        np.testing.assert_allclose(found[1], model.policy.predict(OBSERVATIONS[1], deterministic=True)[0], atol=1e-5)


def test_a_beta_is_drawn_by_inversion():
    model = build("sppo", policy_kwargs={"action_distribution": "beta"})
    _check_modes(model)
    candidates, thetas = _made(model)
    leaves, noise = candidates.networks.stack(thetas).leaves(OBSERVATIONS), _noise(candidates.head)
    actions, entropies = candidates.head.act(leaves, noise), candidates.head.entropy(leaves)
    for k, law in _laws(model, thetas):
        x = (actions[k] - BOX.low) / (BOX.high - BOX.low)
        a, b = law.a.numpy(), law.b.numpy()
        np.testing.assert_allclose(stats.beta(a, b).cdf(x), noise[k], atol=1e-5)
        np.testing.assert_allclose(entropies[k], law.entropy().numpy(), atol=1e-4)


SPACES = {
    "discrete": spaces.Discrete(4),
    "shifted": spaces.Discrete(4, start=3),
    "multi": spaces.MultiDiscrete([3, 2]),
    "binary": spaces.MultiBinary(3),
}


@pytest.mark.parametrize("name", SPACES)
def test_choices_are_drawn_by_inversion_of_the_policys_probabilities(name):
    model = build("sppo", Steps(SPACES[name]))
    _check_modes(model)
    candidates, thetas = _made(model)
    leaves, noise = candidates.networks.stack(thetas).leaves(OBSERVATIONS), _noise(candidates.head)
    actions, entropies = candidates.head.act(leaves, noise), candidates.head.entropy(leaves)
    assert actions.shape[2:] == model.action_space.shape
    assert all(model.action_space.contains(np.asarray(a, dtype=model.action_space.dtype)) for a in actions[0])
    start = np.ravel(getattr(model.action_space, "start", 0))
    for k, law in _laws(model, thetas):
        np.testing.assert_allclose(entropies[k], law.entropy().numpy(), atol=1e-5)
        for i, log_prob in enumerate(law.log_probs):
            cdf = np.cumsum(np.exp(log_prob.numpy().astype(np.float64)), axis=-1)
            drawn = [np.searchsorted(row, u, side="right") for row, u in zip(cdf, noise[k, :, 1 + i], strict=True)]
            found = actions[k].reshape(N_STATES, -1)[:, i]
            np.testing.assert_array_equal(found, np.array(drawn) + start[min(i, len(start) - 1)])


def test_a_mixture_has_the_mixtures_frequencies_and_entropy():
    """P(chi² test rejects) = 1e-3 for each of 2 laws, at a fixed seed."""
    m, n = 0.4, 20_000
    for model in (build("ppo", Steps(SPACES["discrete"])), build("dqn")):
        candidates, thetas = _made(model, Conditions(mix=m))
        leaf = candidates.networks.stack(thetas[:1]).leaves(OBSERVATIONS[:1, :1])[0]
        noise = np.random.default_rng(2).uniform(size=(1, n, 2))
        drawn = candidates.head.act((np.broadcast_to(leaf, (1, n, 4)),), noise)[0]
        _, law = next(_laws(model, thetas))
        p = (1 - m) * np.exp(law.log_probs[0][0].numpy().astype(np.float64)) + m / 4
        assert stats.chisquare(np.bincount(drawn, minlength=4), n * p / p.sum()).pvalue > 1e-3
        np.testing.assert_allclose(candidates.head.entropy((leaf,))[0, 0], stats.entropy(p), rtol=1e-5)


def test_images_and_dicts_are_read_as_the_policy_reads_them():
    rng = np.random.default_rng(0)
    image, vector = spaces.Box(0, 255, (36, 36, 1), np.uint8), spaces.Box(-1, 1, (2,))

    class Seen(Steps):
        def __init__(self, space):
            super().__init__(spaces.Discrete(3))
            self.observation_space = space

        def _observed(self):
            return self.observation_space.sample()

    cnn = PPO("CnnPolicy", Seen(image), n_steps=8, batch_size=8, device="cpu")
    _check_modes(cnn, rng.integers(0, 256, (N_CANDIDATES, 2, 36, 36, 1), dtype=np.uint8))
    both = SPPO("MultiInputPolicy", Seen(spaces.Dict({"v": vector, "d": spaces.Discrete(3)})), n_steps=8, batch_size=8)
    candidates, thetas = _made(both)
    seen = {"v": rng.normal(size=(N_CANDIDATES, 2, 2)).astype(np.float32), "d": rng.integers(0, 3, (N_CANDIDATES, 2))}
    found = candidates.head.mode(candidates.networks.stack(thetas).leaves(seen))
    vector_ = ParameterVector(both.policy)
    for k, theta in enumerate(thetas):
        with vector_.at(th.as_tensor(theta, dtype=th.float32)):
            wanted, _ = both.policy.predict({key: array[k] for key, array in seen.items()}, deterministic=True)
        np.testing.assert_array_equal(found[k], wanted)


@pytest.mark.parametrize("use_sde", [False, True])
def test_a_policy_is_copied_in_the_midst_of_its_training(use_sde):
    model = build("ppo", use_sde=use_sde).learn(32)
    copied = own_copy(model.policy)
    assert model.policy.action_dist.distribution is not None
    np.testing.assert_array_equal(*(p.predict(OBSERVATIONS[0], deterministic=True)[0] for p in (copied, model.policy)))


def test_nothing_of_the_policy_is_changed():
    model = build("crossq")
    model.policy.set_training_mode(True)
    before = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
    state = th.random.get_rng_state(), np.random.get_state()[1].copy()
    _made(model)
    assert all(th.equal(tensor, before[name]) for name, tensor in model.policy.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.policy.critic.parameters())
    assert model.policy.actor.training
    assert th.equal(th.random.get_rng_state(), state[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state[1])


@pytest.mark.parametrize(
    ("key", "kwargs", "conditions", "message"),
    [
        ("ppo", {}, {"mix": 0.1}, "mix=0.1 mixes the policy with uniform choices.*Choose std"),
        ("dqn", {}, {"std": 0.1}, "std=0.1 is the σ of a Gaussian.*Choose mix"),
        ("td3", {}, {"std": 0.1}, "but TD3Policy is deterministic"),
        ("td3", {}, {"ent_coef": 0.1}, "TD3Policy is deterministic and has no entropy"),
        ("sppo", {"action_distribution": "beta"}, {"std": 0.1}, "is a Beta distribution"),
        ("sppo", {"action_distribution": "beta"}, {"std": 0.0}, "is a Beta distribution"),
        ("ppo", {}, {"std": 0.0, "ent_coef": 0.1}, "entropy is −∞"),
        ("sac", {}, {"ent_coef": 0.1}, "SACPolicy, a squashed Gaussian, has no closed form"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(key, kwargs, conditions, message):
    with pytest.raises(ValueError, match=message):
        _made(build(key, policy_kwargs=kwargs), Conditions(**conditions))


def test_a_mixture_of_several_choices_has_no_entropy_here():
    model = build("ppo", Steps(SPACES["multi"]))
    _made(model, Conditions(mix=0.1))
    with pytest.raises(ValueError, match="is no sum over its choices"):
        _made(model, Conditions(mix=0.1, ent_coef=0.1))


def test_a_policy_whose_methods_do_more_than_its_networks_is_refused():
    model = build("ppo")
    predict = type(model.policy)._predict

    class Turned(type(model.policy)):
        def _predict(self, observation, deterministic=False):
            return -predict(self, observation, deterministic)

    model.policy.__class__ = Turned
    with pytest.raises(TypeError, match="acts otherwise than its networks say"):
        _made(model)


class Unbounded(Steps):
    """Its box has the bounds of float32, as Gymnasium's checker asks for, and none that says how large a number is."""

    def __init__(self):
        super().__init__(spaces.Box(-1.0, 1.0, (2,), np.float32))
        far = float(np.finfo(np.float32).max)
        self.observation_space = spaces.Box(-far, far, self.observation_space.shape, np.float32)


@pytest.mark.filterwarnings("error")
def test_whether_it_acts_alike_is_seen_where_observations_are():
    model = build("ppo", Unbounded())
    _made(model)
    predict = type(model.policy)._predict

    class TurnedNearby(type(model.policy)):
        def _predict(self, observation, deterministic=False):
            near = (observation.abs() < 100).all(dim=1, keepdim=True)
            return th.where(near, -1.0, 1.0) * predict(self, observation, deterministic)

    model.policy.__class__ = TurnedNearby
    with pytest.raises(TypeError, match="acts otherwise than its networks say"):
        _made(model)


def test_a_distribution_whose_noise_is_its_own_is_refused():
    model = build("ppo")

    class Own(type(model.policy.action_dist)):
        pass

    model.policy.action_dist = Own(2)
    with pytest.raises(TypeError, match=r"distributed by Own, whose noise cannot be given.*Known are DiagGaussian"):
        _made(model)
