"""A model as the subject of a probe: end to end against exact values, without a trace, and what is refused."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import DQN, PPO, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_entropy import SDDPG, SPPO, SACAdaEnt
from sb3_entropy.landscape.q.fitting import Fitting
from sb3_entropy.landscape.q.making import subject_of_model

TINY: dict[str, Any] = {"learning_starts": 20, "batch_size": 8, "gamma": 0.9, "device": "cpu", "seed": 0}
BIFURCATION = "sb3_entropy_bifurcation:entropy/Bifurcation-v0"
#: a look that takes little
GLANCE: dict[str, Any] = {
    "episodes": 2,
    "rollout_steps": 100,
    "env_kwargs": {"max_episode_steps": 25},
    "fitting": Fitting(refits=2, updates=20, batch_size=16, width=8),
}


def made(algorithm: Any, env: Any = "Pendulum-v1", policy: str = "MlpPolicy", **options: Any) -> Any:
    return algorithm(policy, env, **{**TINY, "policy_kwargs": {"net_arch": [8]}, **options})


class Reach(gym.Env[Any, Any]):
    """A dict is seen; the time limit is the environment's own."""

    action_space = spaces.Box(-1, 1, (2,))
    observation_space = spaces.Dict({"at": spaces.Box(-9, 9, (2,)), "goal": spaces.Discrete(2)})

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.at, self.goal, self.t = np.zeros(2, np.float32), int(self.np_random.integers(2)), 0
        return {"at": self.at, "goal": self.goal}, {}

    def step(self, action: Any) -> Any:
        self.at, self.t = np.clip(self.at + action, -9, 9).astype(np.float32), self.t + 1
        reward = -float(abs(self.at - 3 * self.goal).sum())
        return {"at": self.at, "goal": self.goal}, reward, False, self.t == 10, {}


def test_critics_of_sac_on_the_bifurcation_are_the_exact_ones() -> None:
    """Fitted from what was played, against quadrature of the policy's own law, a = tanh u with u ~ N(μ, σ²)."""
    model = made(SAC, BIFURCATION, ent_coef=2.0)
    subject = subject_of_model(
        model,
        env=BIFURCATION,
        rollout_steps=4000,
        episodes=40,
        fitting=Fitting(refits=2, updates=2000, batch_size=64, width=48, learning_rate=3e-3),
    )
    assert subject.soft is not None
    assert subject.soft.ent_coef == 2.0
    assert subject.remarks[0] == "α = 2 is its own, as it was set."
    states = np.eye(6, dtype=np.float32)[:3]
    with th.no_grad():
        mean, log_std, _ = model.policy.actor.get_action_dist_params(th.as_tensor(states))
    z = np.linspace(-5, 5, 20_001)
    weights = np.exp(-(z**2) / 2)
    std = log_std.double().exp().numpy()
    a = np.tanh(mean.double().numpy() + std * z)
    log_prob = -0.5 * z**2 - np.log(std) - 0.5 * np.log(2 * np.pi) - np.log1p(-(a**2))
    pays = np.stack([np.zeros_like(z), np.where(abs(a[1]) < 0.1, 1.0, -20.0), np.full_like(z, -1.0)])
    asked = np.array([[-0.8], [-0.3], [0.3], [0.8]])
    inside = np.array([[-0.7], [-0.2], [0.0], [0.2], [0.7]])
    for critics, alpha in ((subject.plain, 0.0), (subject.soft, 2.0)):
        value = ((pays - alpha * log_prob) * weights).sum(axis=1) / weights.sum()
        found = critics.values(states[:1], asked[None])[:, 0]
        assert np.allclose(found, 0.9 * np.array([value[1], value[1], value[2], value[2]]), atol=0.6), (found, value)
        found = critics.values(states[1:2], inside[None])[:, 0]
        assert np.allclose(found, [-20, -20, 1, -20, -20], atol=4.2), found  # a fifth of the range: a step
        assert np.allclose(critics.values(states[2:], inside[None]), -1, atol=0.6)
    assert subject.calibration is not None
    assert subject.calibration.borrowed is not None
    assert not subject.calibration.borrowed.any()
    found = subject.calibration.agreement(True)
    assert found is not None
    assert found.correlation.low > 0.8
    assert (len(np.unique(subject.visited.episodes)), len(subject.visited.episodes)) == (40, 80)


class Look(BaseCallback):
    def __init__(self, **options: Any):
        super().__init__()
        self.options, self.found = options, []

    def _on_step(self) -> bool:
        if self.n_calls in (30, 50):
            buffer = self.model.replay_buffer if self.n_calls == 50 and self.num_timesteps >= 64 else None
            self.found.append(subject_of_model(self.model, replay_buffer=buffer, **self.options))
        return True


@pytest.mark.parametrize(
    ("algorithm", "n_envs"),
    [(SAC, 2), pytest.param(SACAdaEnt, 1, marks=pytest.mark.slow), pytest.param(TD3, 2, marks=pytest.mark.slow)],
)
def test_a_training_that_was_looked_at_is_the_same_bit_for_bit(algorithm: Any, n_envs: int) -> None:
    def trained(callback: Any) -> Any:
        env = VecNormalize(DummyVecEnv([lambda: gym.make("Pendulum-v1")] * n_envs))
        model = made(algorithm, env)
        model.learn(64 * n_envs, callback=callback)
        return model

    noise = {"std": 0.1, "ent_coef": 0.3} if algorithm is TD3 else {}
    look = Look(env="Pendulum-v1", **noise, **GLANCE)
    with_look, without = trained(look), trained(None)
    assert len(look.found) == 2
    own, other = with_look.policy.state_dict(), without.policy.state_dict()
    assert all(th.equal(own[name], other[name]) for name in own)
    for name in ("mean", "var"):
        assert np.array_equal(*(getattr(model.get_vec_normalize_env().obs_rms, name) for model in (with_look, without)))
    for name in ("observations", "actions", "rewards"):
        assert np.array_equal(*(getattr(model.replay_buffer, name) for model in (with_look, without)))


def test_under_vec_normalize_rewards_are_raw_and_alpha_is_multiplied_back() -> None:
    env = VecNormalize(DummyVecEnv([lambda: gym.make("Pendulum-v1")] * 2))
    model = made(SDDPG, env, ent_coef=0.5)
    model.learn(200)
    scale = float(np.sqrt(env.ret_rms.var + env.epsilon))
    assert scale > 3
    subject = subject_of_model(model, env="Pendulum-v1", replay_buffer=model.replay_buffer, **GLANCE)
    assert subject.soft is not None
    assert subject.soft.ent_coef == pytest.approx(0.5 * scale)
    assert f"α = {0.5 * scale:.3g} is its own, as it was set, 0.5 of the rewards that it" in subject.remarks[0]
    assert subject.visited.observations.std() > 0.2
    assert subject.known is not None
    assert len(subject.known.actions) == 200 + 100
    assert subject.calibration is not None
    # Raw: ten times what a step costs, which is between 0 and 16. Time limits are set later, so that there are returns.
    assert -160 < subject.calibration.returned.min() < -20
    assert len(subject.visited.episodes) == 2 * 25
    # and with statistics that were handed over, and a divisor
    loaded = subject_of_model(model, env="Pendulum-v1", normalize=None, reward_scale=3.0, **GLANCE)
    assert loaded.soft is not None
    assert loaded.soft.ent_coef == 1.5
    assert abs(loaded.visited.observations[:, 2]).max() > 1  # not normalised


def test_a_dict_is_seen_and_a_buffer_is_enough() -> None:
    model = made(SAC, Reach(), "MultiInputPolicy")
    model.learn(90)
    alone = subject_of_model(model, replay_buffer=model.replay_buffer, **{**GLANCE, "rollout_steps": None})
    assert alone.calibration is None
    assert alone.remarks[-1].startswith("The states are those of the last episodes in the replay buffer")
    assert len(alone.visited.episodes) == 20
    assert alone.name == "SAC on a replay buffer, step 90"
    options = {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}
    frugal = made(SAC, **options)
    frugal.learn(70)
    said = subject_of_model(frugal, env="Pendulum-v1", replay_buffer=frugal.replay_buffer, **GLANCE).remarks
    assert said[-1] == "The replay buffer knows no time limits: each end in it was taken for a terminal one."
    within = {**GLANCE, "env_kwargs": None}  # a function makes it as it is
    played = subject_of_model(model, env=Reach, **within)
    assert played.name == "SAC on Reach, step 90"
    both = subject_of_model(model, env=Reach, replay_buffer=model.replay_buffer, **within)
    assert both.known is not None
    assert both.known.features.shape == (90 + GLANCE["rollout_steps"], 2 + 2)
    three = {key: array[:3] for key, array in played.visited.observations.items()}
    assert played.plain.values(three, np.zeros((3, 4, 2))).shape == (2, 3, 4)
    assert played.plain.gradients(three, np.zeros((3, 4, 2))).shape == (2, 3, 4, 2)


def test_which_critics_and_which_alpha_an_agent_gets() -> None:
    adaent = made(SACAdaEnt)
    own = subject_of_model(adaent, env="Pendulum-v1", **GLANCE)
    assert own.are_own
    assert own.plain.n_critics == 2
    assert own.known is None
    refitted = subject_of_model(adaent, env="Pendulum-v1", own=False, **GLANCE)
    assert not refitted.are_own
    assert refitted.soft is not None
    assert refitted.soft.ent_coef == pytest.approx(1.0)
    assert "as it was tuned" in refitted.remarks[0]
    named = subject_of_model(adaent, env="Pendulum-v1", ent_coef=0.25, **GLANCE)
    assert not named.are_own
    assert named.remarks[0] == "α = 0.25 was named."
    td3 = made(TD3)
    plain = subject_of_model(td3, env="Pendulum-v1", own=True, **GLANCE)
    assert plain.are_own
    assert plain.soft is None
    noisy = subject_of_model(td3, env="Pendulum-v1", std=0.2, ent_coef=0.1, **GLANCE)
    assert noisy.remarks[0] == "Soft under a Gaussian with σ = 0.2 about its actions, which is not its own."
    assert noisy.soft is not None
    rollout: dict[str, Any] = {"n_steps": 8, "batch_size": 8, "gamma": 0.9, "device": "cpu"}
    ppo = PPO("MlpPolicy", "Pendulum-v1", **rollout)
    assert subject_of_model(ppo, env="Pendulum-v1", **GLANCE).soft is None
    kwargs = {"action_distribution": "beta"}
    squashed = SPPO("MlpPolicy", "Pendulum-v1", ent_coef=0.05, policy_kwargs=kwargs, **rollout)
    found = subject_of_model(squashed, env="Pendulum-v1", **GLANCE).soft
    assert found is not None
    assert found.ent_coef == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("ent_coef", "cause"), [("auto_1e-9", "Automatic tuning has left α near 0"), (1e-9, "α is near 0")]
)
def test_an_alpha_near_0_is_warned_of(ent_coef: Any, cause: str) -> None:
    subject = subject_of_model(made(SAC, ent_coef=ent_coef), env="Pendulum-v1", **GLANCE)
    assert subject.remarks[-1].startswith(f"{cause}: in a step, entropy counts for 6.9e-10 at most, beside a mean")
    assert len(subject_of_model(made(SAC, ent_coef=1e-9), env="Pendulum-v1", ent_coef=1e-9, **GLANCE).remarks) == 1


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (
        SAC,
        {"env": None},
        r"There is nothing to look at: .* Name the environment, env='Pendulum-v1', or give",
    ),
    (SAC, {"env": "entropy/Obstacle2D-v0"}, "The environment is not the agent's: its observations are"),
    (SAC, {"env": "Pendulun-v1"}, "Unknown environment 'Pendulun-v1'"),
    (SAC, {"std": 0.1}, r"SACPolicy draws its actions itself, by its own σ"),
    (SAC, {"own": True}, "SAC has no plain critics of its own: .* Let them be fitted: own=False"),
    (SAC, {"ent_coef": 0.0}, "ent_coef must be a number > 0, but 0.0 was given"),
    (SAC, {"ent_coef": -1.0}, "ent_coef must be a number > 0, but -1.0 was given"),
    (SAC, {"episodes": 0}, "episodes must be a whole number ≥ 1"),
    (SAC, {"uniform_share": 1.5}, "uniform_share must be a number between 0 and 1"),
    (SAC, {"seed": -1}, "seed must be a whole number between 0 and"),
    (SAC, {"rollout_steps": -1}, "rollout_steps must be a whole number ≥ 0"),
    (SAC, {"rollout_steps": 0}, r"rollout_steps=0 leaves nothing to fit critics to"),
    (SAC, {"normalize": 3}, "normalize must be a VecNormalize, 'model' or None"),
    (SAC, {"replay_buffer": []}, "replay_buffer must be a ReplayBuffer"),
    (TD3, {"ent_coef": 0.1}, "ent_coef=0.1 asks for soft critics, but this policy has no density.* std=0.1"),
    (TD3, {"std": 0.1}, "std=0.1 gives the policy an entropy, but it has no α to weigh it with.* ent_coef=0.1"),
    (SACAdaEnt, {"own": True, "ent_coef": 0.3}, "own=True takes the agent's critics, which know its own α alone"),
]


@pytest.mark.parametrize(("algorithm", "options", "said"), REFUSED, ids=str)
def test_what_is_wrong_is_said_before_anything_is_played(
    algorithm: Any, options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made(algorithm)
    monkeypatch.setattr("sb3_entropy.landscape.q.gathering.Stage.play", lambda *_, **__: pytest.fail("played"))
    with pytest.raises((TypeError, ValueError), match=said):
        subject_of_model(model, **{"env": "Pendulum-v1", **GLANCE, "rollout_steps": None, **options})


def test_steps_need_an_environment_and_a_buffer_is_of_one() -> None:
    model = made(SAC)
    model.learn(70)
    with pytest.raises(ValueError, match="rollout_steps=100 are to be played, but no environment was named"):
        subject_of_model(model, replay_buffer=model.replay_buffer, **GLANCE)
    other = made(SAC, Reach(), "MultiInputPolicy")
    with pytest.raises(ValueError, match="The replay buffer is of another environment: its observations are"):
        subject_of_model(other, env=Reach, replay_buffer=model.replay_buffer, **GLANCE)


def test_finitely_many_actions_and_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"chooses from Discrete\(2\)"):
        subject_of_model(DQN("MlpPolicy", "CartPole-v1", device="cpu"), env="CartPole-v1", **GLANCE)

    class Eye(Reach):
        observation_space = spaces.Box(0, 255, (36, 36, 3), np.uint8)

    with pytest.raises(ValueError, match=r"has the shape \(3, 36, 36\), as images have"):
        subject_of_model(made(SAC, Eye(), "CnnPolicy", buffer_size=10), env=Eye, **GLANCE)


@pytest.mark.slow
def test_on_pendulum_differences_of_q_are_differences_of_returns() -> None:
    """As fitted by default, but with a quarter of the updates: on held-out episodes that nothing was fitted to."""
    model = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [32]}, learning_starts=200, seed=0, device="cpu")
    model.learn(2000)
    subject = subject_of_model(model, env="Pendulum-v1", replay_buffer=model.replay_buffer, updates=5000)
    assert subject.calibration is not None
    for random_first in (False, True):
        found = subject.calibration.agreement(random_first)
        assert found is not None
        assert found.doubts() == []
        assert 0.8 < found.slope.value < 1.3
        assert found.correlation.low > 0.8
