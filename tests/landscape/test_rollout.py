"""Returns in lockstep against plain loops over Gymnasium, with the same seeds and the same noise."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_entropy import SPPO
from sb3_entropy.engines import make_engine
from sb3_entropy.landscape import Conditions, NotFiniteError, RolloutObjective, random_directions
from sb3_entropy.landscape.stepping.base import first_seed, laned
from sb3_entropy.landscape.stepping.noise import BLOCK, Noise, noise_of
from sb3_entropy.policies.laws import law_at
from sb3_entropy.policies.looking import looked_at
from sb3_entropy.policies.parameters import ParameterVector

SMALL = {"n_steps": 32, "batch_size": 16, "device": "cpu", "policy_kwargs": {"net_arch": [8]}}


class Walk(gym.Env):
    """A walk on the line that ends at ±2, drawn at by its generator at every step; the reward is the place."""

    def __init__(self, is_seeded=True, reward=None):
        self.observation_space, self.action_space = spaces.Box(-9, 9, (2,)), spaces.Box(-0.5, 0.5, (1,))
        self.is_seeded, self.reward = is_seeded, reward

    def _seen(self):
        return np.array([self.x, self.t / 10], dtype=np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed if self.is_seeded else None)
        self.x, self.t = float(self.np_random.uniform(-1, 1)), 0
        return self._seen(), {}

    def step(self, action):
        self.t += 1
        self.x += float(action[0]) + 0.2 * float(self.np_random.normal())
        reward = self.x if self.reward is None else self.reward(self.x)
        return self._seen(), reward, abs(self.x) > 2, False, {}


def limited_walk():
    return TimeLimit(Walk(), 30)


def _spec_walk():
    return gym.make(gym.envs.registration.EnvSpec("Walk-v0", entry_point=Walk, max_episode_steps=30))


def _perturbed(objective, k=3, scale=2.0):
    return objective.theta0 + scale * random_directions(objective.n_parameters, range(k), seed=4)


def _plain(model, objective, make, theta, episode, gamma=1.0, ent_coef=0.0, std=None, max_steps=10**9, observe=None):
    """:return: return and length of an episode, by a loop with the policy's own law"""
    env, seed = make(), objective.describe()["seed"]
    observation, _ = env.reset(seed=first_seed(seed) + episode)
    head = objective._player.candidates.head
    noise = noise_of(seed, episode, head.noise, head.n_noise, 400)
    total, weight = 0.0, 1.0
    with looked_at(model.policy), ParameterVector(model.policy).at(th.as_tensor(theta, dtype=th.float32)):
        for t in range(max_steps):
            seen = observation if observe is None else observe(observation)
            law = law_at(model.policy, th.as_tensor(np.asarray(seen, dtype=np.float32))[None])
            if isinstance(env.action_space, spaces.Box):
                sigma = law.std[0].numpy() if std is None else np.float32(std)
                mean = law.mean[0].numpy()
                action = mean + sigma * noise[t] if head.n_noise else mean
                action = np.clip(action, env.action_space.low, env.action_space.high)
            else:
                cdf = np.cumsum(np.exp(law.log_probs[0][0].double().numpy()))
                action = int(np.searchsorted(cdf, noise[t][1], side="right"))
            observation, reward, terminated, truncated, _ = env.step(action)
            total += weight * (float(reward) + (ent_coef * float(law.entropy()[0]) if ent_coef else 0.0))
            weight *= gamma
            if terminated or truncated:
                break
    return total, t + 1


@pytest.mark.parametrize("cls", [PPO, SPPO])
def test_returns_are_those_of_a_plain_loop(cls):
    model = cls("MlpPolicy", _spec_walk(), seed=1, **SMALL)
    objective = RolloutObjective(model, _spec_walk, gamma=0.9, n_envs=8)
    thetas = _perturbed(objective)
    found = objective.evaluate(thetas, range(7))
    np.testing.assert_array_equal(found.episodes, range(7))
    assert len({*found.lengths.ravel().tolist()}) > 3
    for k, theta in enumerate(thetas):
        for e in range(7):
            total, length = _plain(model, objective, _spec_walk, theta, e, gamma=0.9)
            np.testing.assert_allclose(found.returns[k, e], total, rtol=1e-4, atol=1e-4)
            assert found.lengths[k, e] == length


def test_returns_of_choices_with_entropy_are_those_of_a_plain_loop():
    model = A2C("MlpPolicy", "CartPole-v1", seed=1, device="cpu", policy_kwargs={"net_arch": [8]})
    conditions = Conditions(ent_coef=0.3)
    objective = RolloutObjective(model, "CartPole-v1", conditions=conditions, backend="gymnasium", max_steps=20)
    thetas = _perturbed(objective, scale=5.0)
    found = objective.evaluate(thetas, range(3))
    assert found.lengths.max() == 20 > found.lengths.min()
    for k, theta in enumerate(thetas):
        for e in range(3):
            make = lambda: gym.make("CartPole-v1", max_episode_steps=20)  # noqa: E731
            total, length = _plain(model, objective, make, theta, e, ent_coef=0.3)
            np.testing.assert_allclose(found.returns[k, e], total, rtol=1e-5)
            assert found.lengths[k, e] == length
    plain = objective.under(Conditions()).returns(thetas, range(3))
    np.testing.assert_array_equal(plain, found.lengths)


def test_conditions_change_the_policy_and_not_the_episodes():
    model = PPO("MlpPolicy", _spec_walk(), seed=1, **SMALL)
    objective = RolloutObjective(model, _spec_walk, conditions=Conditions(std=0.1))
    thetas = _perturbed(objective, k=2)
    calmer = objective.under(Conditions(std=0.0))
    assert (objective.conditions.std, calmer.conditions.std) == (0.1, 0.0)
    for one, std in ((objective, 0.1), (calmer, 0.0)):
        wanted, _ = _plain(model, one, _spec_walk, thetas[1], 2, std=std)
        np.testing.assert_allclose(one.returns(thetas, [2])[1, 0], wanted, rtol=1e-4)
    # P(r > .5) = .002 of 30 independent pairs
    correlation = np.corrcoef(objective.returns(thetas, range(30))[0], calmer.returns(thetas, range(30))[0])[0, 1]
    assert correlation > 0.5


def test_an_episode_is_the_same_whatever_is_evaluated_before_or_beside_it():
    model = PPO("MlpPolicy", "Pendulum-v1", seed=1, **SMALL)
    kwargs = {"backend": "gymnasium", "max_steps": 12, "seed": 5}
    objective = RolloutObjective(model, "Pendulum-v1", **kwargs)
    thetas = _perturbed(objective, k=7)
    wanted = objective.returns(thetas, range(10))
    np.testing.assert_array_equal(objective.returns(thetas[::-1], range(10))[::-1], wanted)
    np.testing.assert_array_equal(objective.returns(thetas[3:5], [8, 1, 6]), wanted[3:5][:, [8, 1, 6]])
    few = RolloutObjective(model, "Pendulum-v1", n_envs=1, **kwargs)
    np.testing.assert_array_equal(few.returns(thetas, range(10)), wanted)
    other = RolloutObjective(model, "Pendulum-v1", **{**kwargs, "seed": 6}).returns(thetas, range(10))
    assert (other != wanted).all()
    assert len(np.unique(wanted)) == wanted.size
    objective.close()
    np.testing.assert_array_equal(objective.returns(thetas[:1], [9]), wanted[:1, 9:])


def test_observations_are_normalised_with_statistics_of_the_time():
    env = VecNormalize(DummyVecEnv([_spec_walk]), clip_obs=1.5)
    model = PPO("MlpPolicy", env, seed=1, **SMALL).learn(64)
    mean, std = env.obs_rms.mean.copy(), np.sqrt(env.obs_rms.var + env.epsilon)
    objective = RolloutObjective(model, _spec_walk)
    given = RolloutObjective(model.policy, _spec_walk, normalize=env)
    raw = RolloutObjective(model, _spec_walk, normalize=None)
    env.obs_rms.mean += 1
    theta = objective.theta0
    wanted, _ = _plain(
        model, objective, _spec_walk, theta, 3, observe=lambda seen: np.clip((seen - mean) / std, -1.5, 1.5)
    )
    found = [one.returns([theta], [3])[0, 0] for one in (objective, given, raw)]
    np.testing.assert_allclose(found[:2], wanted, rtol=1e-4)
    np.testing.assert_allclose(found[2], _plain(model, raw, _spec_walk, theta, 3)[0], rtol=1e-4)
    digests = [one.describe()["normalization"] for one in (objective, given, raw)]
    assert digests[0] == digests[1] != digests[2] is None
    assert RolloutObjective(model, _spec_walk).describe()["normalization"] != digests[0]
    env.norm_obs = False
    assert RolloutObjective(model, _spec_walk).describe()["normalization"] is None
    with pytest.raises(TypeError, match="normalize must be a VecNormalize, 'model' or None"):
        RolloutObjective(model, _spec_walk, normalize="env")


def test_dicts_of_observations_are_played_and_normalised():
    class Told(Walk):
        def __init__(self):
            super().__init__()
            self.observation_space = spaces.Dict({"x": spaces.Box(-9, 9, (1,)), "t": spaces.Box(-9, 9, (1,))})

        def _seen(self):
            return {"x": np.array([self.x], np.float32), "t": np.array([self.t / 10], np.float32)}

    def make():
        return TimeLimit(Told(), 30)

    env = VecNormalize(DummyVecEnv([make]), norm_obs_keys=["x"])
    model = PPO("MultiInputPolicy", env, seed=1, **SMALL).learn(32)
    objective = RolloutObjective(model, make, conditions=Conditions(std=0.0), max_steps=30, n_envs=4)
    found = objective.evaluate([objective.theta0], range(3))
    raw = make()
    observation, _ = raw.reset(seed=first_seed(0) + 2)
    total, length, done = 0.0, 0, False
    while not done:
        action, _ = model.predict(env.normalize_obs(observation), deterministic=True)
        observation, reward, terminated, truncated, _ = raw.step(action)
        total, length, done = total + reward, length + 1, terminated or truncated
    np.testing.assert_allclose(found.returns[0, 2], total, rtol=1e-4)
    assert found.lengths[0, 2] == length


def test_the_model_its_environment_and_all_generators_are_left_alone():
    def trained(look):
        env = VecNormalize(DummyVecEnv([_spec_walk]))
        model = SPPO("MlpPolicy", env, seed=1, **SMALL).learn(64)
        if look:
            RolloutObjective(model, _spec_walk).returns([ParameterVector(model.policy).get().numpy()], range(3))
        return ParameterVector(model.learn(64).policy, "all").get()

    assert th.equal(trained(False), trained(True))


@pytest.mark.slow
def test_workers_of_an_engine_give_the_same_bits():
    model = PPO("MlpPolicy", "Pendulum-v1", seed=1, **SMALL)
    kwargs = {"backend": "gymnasium", "max_steps": 10, "n_envs": 8}
    here = RolloutObjective(model, "Pendulum-v1", **kwargs)
    thetas = _perturbed(here, k=5)
    wanted = here.returns(thetas, range(5))
    for name in ("serial", "process"):
        with make_engine(name, 1) as engine:
            objective = RolloutObjective(model, "Pendulum-v1", engine=engine, **kwargs)
            np.testing.assert_array_equal(objective.returns(thetas, range(5)), wanted)
            np.testing.assert_array_equal(objective.returns(thetas[2:], [3, 1]), wanted[2:][:, [3, 1]])


@pytest.mark.slow
def test_workers_of_any_engine_give_the_same_bits_on_any_backend():
    pytest.importorskip("ray")
    pytest.importorskip("envpool")
    model = PPO("MlpPolicy", "Hopper-v5", seed=1, **SMALL)
    for backend in ("gymnasium", "envpool"):
        kwargs = {"backend": backend, "n_envs": 8, "conditions": Conditions(std=0.2)}
        here = RolloutObjective(model, "Hopper-v5", **kwargs)
        thetas = _perturbed(here, k=9)
        wanted = here.returns(thetas, range(6))
        for name in ("serial", "process", "ray"):
            with make_engine(name, 1 if name == "serial" else 2) as engine:
                objective = RolloutObjective(model, "Hopper-v5", engine=engine, **kwargs)
                np.testing.assert_array_equal(objective.returns(thetas, range(6)), wanted)


def test_a_worker_that_fails_says_where():
    model = PPO("MlpPolicy", limited_walk(), seed=1, **SMALL)
    with make_engine("serial") as engine:
        objective = RolloutObjective(model, limited_walk, engine=engine, max_steps=5, n_envs=4)
        objective._stepper.env = None
        with pytest.raises(RuntimeError, match="Candidates from number 0 on could not be played in a worker"):
            objective.returns([objective.theta0], range(5))


def test_what_determines_a_return_is_described():
    model = PPO("MlpPolicy", "Pendulum-v1", seed=1, **SMALL)
    kwargs = {"backend": "gymnasium"}
    one = RolloutObjective(model, "Pendulum-v1", conditions=Conditions(std=0.1), gamma=0.9, **kwargs)
    told = one.describe()
    assert told["env"] == "Pendulum-v1"
    assert told["conditions"] == {"std": 0.1, "ent_coef": 0.0, "mix": 0.0}
    assert (told["max_steps"], told["gamma"], told["backend"], told["arithmetic"]) == (200, 0.9, "gymnasium", "dense")
    assert told["version"]["gymnasium"] == gym.__version__
    same = RolloutObjective(PPO("MlpPolicy", "Pendulum-v1", seed=2, **SMALL), "Pendulum-v1", **kwargs)
    assert same.describe()["policy"] == told["policy"]
    others = [{"net_arch": [9]}, {"activation_fn": th.nn.ReLU, "net_arch": [8]}]
    for policy_kwargs in others:
        other = PPO("MlpPolicy", "Pendulum-v1", seed=1, **{**SMALL, "policy_kwargs": policy_kwargs})
        assert RolloutObjective(other, "Pendulum-v1", **kwargs).describe()["policy"] != told["policy"]
    fixed = [{"std_scheme": "fixed", "log_std_init": value, "net_arch": [8]} for value in (0.0, -1.0)]
    prints = set()
    for policy_kwargs in fixed:
        other = SPPO("MlpPolicy", "Pendulum-v1", seed=1, **{**SMALL, "policy_kwargs": policy_kwargs})
        prints.add(RolloutObjective(other, "Pendulum-v1", **kwargs).describe()["policy"])
    assert len(prints) == 2
    assert RolloutObjective(model, "Pendulum-v1", env_kwargs={"g": 5.0}).describe()["env_kwargs"] == {"g": "5.0"}
    assert pickle.loads(pickle.dumps(one._player)).stepper.describe() == one._player.stepper.describe()


def _objective(env=limited_walk, model_env=limited_walk, **kwargs):
    return RolloutObjective(PPO("MlpPolicy", model_env(), seed=1, **SMALL), env, **{"max_steps": 5, **kwargs})


def test_returns_that_are_not_finite_are_told_after_all_have_been_played():
    def make():
        return TimeLimit(Walk(reward=lambda x: np.nan if x > 0.9 else 1.0), 30)

    objective = _objective(make)
    message = r"return of candidate \d in episode \d+ is nan, as are \d+ others of 24"
    with pytest.raises(NotFiniteError, match=message) as raised:
        objective.returns(_perturbed(objective, k=2), range(12))
    evaluated = raised.value.evaluated
    finite = np.isfinite(evaluated.returns)
    assert 0 < finite.sum() < 24
    assert (evaluated.returns[finite] == evaluated.lengths[finite]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _objective(lambda: Walk(is_seeded=False)), "is not seeded: two resets with one seed"),
        (lambda: _objective(Walk, max_steps=None), "no time limit, and an episode might never end. Give max_steps"),
        (lambda: _objective("CartPole-v1"), "CartPole-v1 does not fit the policy: it is observed by Box"),
        (lambda: _objective(_turned), "does not fit the policy: its actions are Box"),
        (lambda: _objective("Wlk-v0"), "Unknown environment 'Wlk-v0'"),
        (lambda: _objective(backend="envpol"), "Unknown backend 'envpol'.*Did you mean 'envpool'"),
        (lambda: _objective(backend="envpool"), "envpool makes environments by their ids"),
        (lambda: _objective("Wlk-v0", backend="envpool"), "envpool is not installed, or has no task 'Wlk-v0'"),
        (lambda: _objective(gamma=1.1), "gamma must be a number between 0 and 1"),
        (lambda: _objective(seed=-1), "seed must be a whole number ≥ 0"),
        (lambda: _objective(n_lanes=0), "n_lanes must be a whole number ≥ 1"),
        (lambda: _objective(n_envs=0), "n_envs must be a whole number ≥ 1"),
        (lambda: _objective(max_steps=0), "max_steps must be a whole number ≥ 1"),
    ],
)
def test_what_cannot_be_played_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def _turned():
    walk = Walk()
    walk.action_space = spaces.Box(-0.25, 0.5, (1,))
    return walk


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _objective(3), "env must be an id or a function"),
        (lambda: RolloutObjective("ppo", "CartPole-v1"), "model must be a model or a policy"),
        (lambda: _objective(conditions={"std": 0.1}), r"conditions must be Conditions\(…\)"),
    ],
)
def test_what_is_of_a_wrong_kind_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_noise_is_a_function_of_seed_episode_and_step():
    episodes = np.array([4, 0, 9])
    noise = Noise(3, episodes, "normal", 2)
    late = noise.at(np.array([[2, 0]]), np.array([[BLOCK * 2 + 5, 1]]))
    np.testing.assert_array_equal(late[0, 0], noise_of(3, 9, "normal", 2, BLOCK * 3)[BLOCK * 2 + 5])
    np.testing.assert_array_equal(late[0, 1], noise_of(3, 4, "normal", 2, 2)[1])
    assert not np.array_equal(noise_of(3, 4, "normal", 2, 5), noise_of(4, 4, "normal", 2, 5))
    many = noise_of(3, 4, "normal", 3, 2000)
    assert len(np.unique(many)) > 5980  # of 6000 float32 numbers a few are equal by chance
    np.testing.assert_allclose([many.mean(), many.std()], [0, 1], atol=0.06)  # 4 standard errors of 6000 numbers
    uniform = noise_of(3, 4, "uniform", 3, 2000)
    assert uniform.min() >= 0 > uniform.max() - 1
    assert Noise(3, episodes, "normal", 0).at(np.zeros((2, 2), int), np.zeros((2, 2), int)).shape == (2, 2, 0)


def test_lanes_hold_each_episode_once_and_in_blocks_without_gaps():
    numbers = np.array([9, 0, 1, 4, 5, 17, 40, 8])
    (lanes,) = laned(numbers, 4)
    assert lanes.numbers == ((0, 4, 8, 40), (1, 5, 9, 17), (), ())
    assert [numbers[list(lane)].tolist() for lane in lanes.columns] == [[0, 4, 8, 40], [1, 5, 9, 17], [], []]
    plans = laned(numbers, 4, 3)
    assert [plan.numbers for plan in plans] == [
        ((0, 4, 8), (1, 5, 9), (), ()),
        ((), (17,), (), ()),
        ((40,), (), (), ()),
    ]
    gapped = laned(np.array([0, 8, 1, 5]), 4, 8)
    assert [plan.numbers for plan in gapped] == [((0,), (1, 5), (), ()), ((8,), (), (), ())]


@pytest.mark.parametrize("scheme", ["global", "global_local"])
def test_what_makes_sigma_has_no_effect_where_another_is_given(scheme):
    model = SPPO("MlpPolicy", "Pendulum-v1", policy_kwargs={"std_scheme": scheme, "net_arch": [4]}, device="cpu")
    own = RolloutObjective(model, "Pendulum-v1", backend="gymnasium", max_steps=5)
    given = own.under(Conditions(std=0.5))
    assert own.live.all()
    assert own.live.shape == given.live.shape == (own.n_parameters,)
    assert (~given.live).sum() == {"global": 1, "global_local": 1 + 4 + 1}[scheme]
    moved = given.theta0 + ~given.live
    assert given.returns(moved[None], range(3)).tolist() == given.returns(given.theta0[None], range(3)).tolist()
    own.close()
