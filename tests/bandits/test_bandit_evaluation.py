"""What a policy earns and which actions it uses, against loops over contexts and actions."""

import math

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from scipy import stats
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import SubprocVecEnv, VecNormalize

from bandits.toy_bandit import MEAN_REWARDS, N_ACTIONS, N_CONTEXTS, ToyBandit, policy_with, ppo
from sb3_entropy.bandits.action_use import draw
from sb3_entropy.bandits.evaluation import optimal_coverage
from sb3_entropy.callbacks import action_use, evaluate_bandit, find_bandit
from sb3_entropy.policies.probabilities import log_probabilities
from sb3_entropy.statistics import effective_number

LOGITS = np.random.default_rng(1).normal(size=(N_CONTEXTS, N_ACTIONS)).astype(np.float32)
#: every context three times, but the first only once
ROWS = np.array([0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
CONTEXTS = np.eye(N_CONTEXTS, dtype=np.float32)[ROWS]
EXACT = ("entropy", "argmax_reward", "sampled_reward", "mean_regret", "accuracy", "optimal_coverage")


def softmax(logits):
    return [math.exp(x) / math.fsum(math.exp(y) for y in logits) for x in logits]


def rng():
    return np.random.default_rng(3)


def test_every_number_is_the_loop_over_contexts_and_actions() -> None:
    seen = evaluate_bandit(policy_with(LOGITS), CONTEXTS, MEAN_REWARDS[ROWS], rng())
    entropies, greedy, sampled, regrets, right, covered = [], [], [], [], [], []
    for x in ROWS:
        p, r = softmax(LOGITS[x].tolist()), MEAN_REWARDS[x].tolist()
        best = [a for a in range(N_ACTIONS) if r[a] == max(r)]
        entropies.append(-sum(q * math.log(q) for q in p))
        greedy.append(r[p.index(max(p))])
        sampled.append(sum(q * reward for q, reward in zip(p, r, strict=True)))
        regrets.append(sum(q * (max(r) - reward) for q, reward in zip(p, r, strict=True)))
        right.append(sum(p[a] for a in best))
        if len(best) > 1:
            given = [p[a] / sum(p[b] for b in best) for a in best]
            covered.append(math.exp(-sum(q * math.log(q) for q in given)) / len(best))
    expected = zip(EXACT, (entropies, greedy, sampled, regrets, right, covered), strict=True)
    for name, values in expected:
        assert getattr(seen, name) == pytest.approx(np.mean(values), rel=1e-6), name
    assert seen.n_contexts == 10
    assert seen.counts.sum() == 10
    assert seen.marginal == pytest.approx(np.mean([softmax(LOGITS[x].tolist()) for x in ROWS], axis=0), rel=1e-6)
    assert seen.mean_regret == pytest.approx(MEAN_REWARDS[ROWS].max(axis=1).mean() - seen.sampled_reward)


def test_the_histogram_is_of_one_draw_a_context() -> None:
    model = policy_with(LOGITS)
    seen = action_use(model, CONTEXTS, rng(), threshold=0.25)
    # The inverse of the distribution function, one context after the other.
    uniform, drawn = rng().random(len(ROWS)), []
    for u, x in zip(uniform, ROWS, strict=True):
        p, a = softmax(LOGITS[x].tolist()), 0
        while sum(p[: a + 1]) <= u:
            a += 1
        drawn.append(a)
    counts = [drawn.count(a) for a in range(N_ACTIONS)]
    assert seen.counts.tolist() == counts
    assert seen.actions_used == sum(c > 2.5 for c in counts)
    assert seen.top_share == max(counts) / 10
    assert seen.effective_actions == pytest.approx(math.exp(stats.entropy(counts)))
    assert seen.gini == pytest.approx(sum(abs(c - d) for c in counts for d in counts) / (2 * N_ACTIONS * 10))
    assert seen.scalars() == {
        name: getattr(seen, name) for name in ("entropy", "actions_used", "top_share", "gini", "effective_actions")
    }


def test_draws_have_the_policys_probabilities() -> None:
    """χ² at a fixed seed; a right sampler would fail for one seed in 10,000."""
    p = np.array([0.5, 0.0, 0.2, 0.3, 0.0])
    actions = draw(np.tile(p, (20_000, 1)), np.random.default_rng(0))
    counts = np.bincount(actions, minlength=5)
    assert counts[[1, 4]].sum() == 0
    assert stats.chisquare(counts[p > 0], 20_000 * p[p > 0]).pvalue > 1e-4


def test_draws_at_the_edges() -> None:
    class Constant:
        def __init__(self, u):
            self.u = u

        def random(self, shape):
            return np.full(shape, self.u)

    p = np.array([[0.0, 0.25, 0.0, 0.75, 0.0]])
    assert [draw(p, Constant(u))[0] for u in (0.0, 0.2499, 0.25, 1 - 2**-53)] == [1, 1, 3, 3]
    # Probabilities that sum to a bit less than 1 give no action that does not exist.
    assert draw(p - 1e-7 * (p > 0), Constant(1 - 2**-53))[0] == 3


def test_names_of_actions_do_not_matter() -> None:
    order = np.array([3, 0, 4, 2, 1])
    seen = evaluate_bandit(policy_with(LOGITS), CONTEXTS, MEAN_REWARDS[ROWS], rng())
    renamed = evaluate_bandit(policy_with(LOGITS[:, order]), CONTEXTS, MEAN_REWARDS[ROWS][:, order], rng())
    for name in EXACT:
        assert getattr(renamed, name) == pytest.approx(getattr(seen, name)), name
    assert renamed.marginal == pytest.approx(seen.marginal[order])


def test_units_of_reward_do_not_matter_to_what_is_optimal() -> None:
    model = policy_with(LOGITS)
    seen = evaluate_bandit(model, CONTEXTS, MEAN_REWARDS[ROWS], rng())
    for scale, shift in ((1e-6, 0.0), (1e6, -3e5), (2.0, 1e4)):
        other = evaluate_bandit(model, CONTEXTS, (scale * MEAN_REWARDS[ROWS] + shift).astype(np.float64), rng())
        assert other.optimal_coverage == pytest.approx(seen.optimal_coverage)
        assert other.accuracy == pytest.approx(seen.accuracy)
        assert other.mean_regret == pytest.approx(scale * seen.mean_regret, rel=1e-6)
    rounded = evaluate_bandit(model, CONTEXTS, MEAN_REWARDS[ROWS].astype(np.float32), rng())
    assert rounded.optimal_coverage == pytest.approx(seen.optimal_coverage)


def test_a_uniform_policy_and_one_that_always_does_the_same() -> None:
    uniform = evaluate_bandit(policy_with(0 * LOGITS), CONTEXTS, MEAN_REWARDS[ROWS], rng())
    assert uniform.entropy == pytest.approx(math.log(5))
    assert uniform.optimal_coverage == pytest.approx(1)
    assert uniform.sampled_reward == pytest.approx(MEAN_REWARDS[ROWS].mean())
    assert uniform.argmax_reward == pytest.approx(MEAN_REWARDS[ROWS, 0].mean())  # of ties the first
    assert effective_number(uniform.marginal) == pytest.approx(5)
    always = evaluate_bandit(policy_with(200 * np.eye(5)[[2, 2, 2, 2]]), CONTEXTS, MEAN_REWARDS[ROWS], rng())
    assert always.counts.tolist() == [0, 0, 10, 0, 0]
    assert (always.actions_used, always.top_share, always.effective_actions) == (1, 1, 1)
    assert always.gini == pytest.approx(0.8)
    assert always.entropy == pytest.approx(0, abs=1e-12)
    assert always.argmax_reward == pytest.approx(always.sampled_reward)
    assert always.accuracy == pytest.approx(0.6)  # in the second context and the last
    # One of two and one of five best actions; none of the third context's three, among which it is indifferent.
    assert always.optimal_coverage == pytest.approx((1 / 2 + 1 + 1 / 5) / 3)


def test_coverage_where_the_best_actions_are_all_but_impossible() -> None:
    optimal = np.array([[True, True, True, False], [False, True, False, False]])
    log_p = np.log([[0.2, 0.2, 0.6, 1.0], [1.0, 1.0, 1.0, 1.0]])
    log_p[0, :3] -= 2000  # e⁻²⁰⁰⁰ underflows
    expected = math.exp(stats.entropy([0.2, 0.2, 0.6])) / 3
    assert optimal_coverage(log_p, optimal) == pytest.approx(expected)
    assert optimal_coverage(np.array([[-np.inf, -np.inf, -np.inf, 0.0]]), optimal[:1]) == 0
    assert optimal_coverage(np.array([[-np.inf, 0.0, -np.inf, 0.0]]), optimal[:1]) == pytest.approx(1 / 3)
    assert math.isnan(optimal_coverage(log_p[1:], optimal[1:]))


def test_chunks_change_nothing() -> None:
    model = policy_with(LOGITS)
    whole = log_probabilities(model, CONTEXTS)
    assert whole.shape == (10, 5)
    assert np.exp(whole).sum(axis=1) == pytest.approx(1, abs=1e-14)
    for chunk in (1, 3, 10):
        assert log_probabilities(model, CONTEXTS, chunk) == pytest.approx(whole, abs=1e-6)


class Dropping(BaseFeaturesExtractor):
    """Half of the inputs, at random while training."""

    def __init__(self, observation_space):
        super().__init__(observation_space, spaces.utils.flatdim(observation_space))
        self.dropout = th.nn.Dropout(0.5)

    def forward(self, observations):
        return self.dropout(observations)


@pytest.mark.parametrize("training", [True, False])
def test_looking_leaves_no_trace(training: bool) -> None:
    model = ppo(make_vec_env(ToyBandit), policy_kwargs={"features_extractor_class": Dropping, "net_arch": [4]})
    model.policy.set_training_mode(training)
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    th.manual_seed(5)
    np.random.seed(5)
    expected = th.rand(3), np.random.rand(3)
    th.manual_seed(5)
    np.random.seed(5)
    first = evaluate_bandit(model, CONTEXTS, MEAN_REWARDS[ROWS], rng())
    drawn = th.rand(3), np.random.rand(3)
    assert th.equal(drawn[0], expected[0])
    assert np.array_equal(drawn[1], expected[1])
    assert model.policy.training is training
    assert all(th.equal(value, before[name]) for name, value in model.policy.state_dict().items())
    # Nothing is dropped while looking.
    assert evaluate_bandit(model.policy, CONTEXTS, MEAN_REWARDS[ROWS], rng()) == first


def test_a_model_sees_what_its_normalisation_makes_of_the_observations() -> None:
    env = VecNormalize(make_vec_env(ToyBandit, 2))
    model = ppo(env)
    model.learn(64)
    statistics = env.obs_rms.mean.copy(), env.obs_rms.var.copy(), env.obs_rms.count
    scaled = np.clip((CONTEXTS - statistics[0]) / np.sqrt(statistics[1] + env.epsilon), -10, 10).astype(np.float32)
    seen = evaluate_bandit(model, CONTEXTS, MEAN_REWARDS[ROWS], rng())
    assert seen == evaluate_bandit(model.policy, scaled, MEAN_REWARDS[ROWS], rng())
    assert seen != evaluate_bandit(model.policy, CONTEXTS, MEAN_REWARDS[ROWS], rng())
    assert np.array_equal(env.obs_rms.mean, statistics[0])
    assert env.obs_rms.count == statistics[2]


class Shaped(gym.Env):
    """One step, observations of any kind."""

    action_space = spaces.Discrete(3)

    def __init__(self, observation_space):
        self.observation_space = observation_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, True, False, {}


@pytest.mark.parametrize(
    ("space", "policy"),
    [
        (spaces.Discrete(7), "MlpPolicy"),
        (spaces.Dict({"x": spaces.Box(-1, 1, (2,)), "y": spaces.Discrete(3)}), "MultiInputPolicy"),
        (spaces.Box(0, 255, (8, 6, 3), np.uint8), "MlpPolicy"),
    ],
    ids=["discrete", "dict", "image"],
)
def test_observations_of_every_kind(space: spaces.Space, policy: str) -> None:
    space.seed(0)
    model = PPO(policy, Shaped(space), policy_kwargs={"net_arch": [4]}, device="cpu")
    samples = [space.sample() for _ in range(5)]
    stacked = (
        {key: np.stack([s[key] for s in samples]) for key in samples[0]} if policy[1] == "u" else np.stack(samples)
    )
    together = log_probabilities(model, stacked, chunk=2)
    for row, sample in zip(together, samples, strict=True):
        distribution = model.policy.get_distribution(model.policy.obs_to_tensor(sample)[0])
        assert row == pytest.approx(distribution.distribution.logits[0].detach().numpy(), abs=1e-6)


def test_policies_without_action_probabilities() -> None:
    for model in (
        DQN("MlpPolicy", "CartPole-v1", buffer_size=10),
        PPO("MlpPolicy", "Pendulum-v1", n_steps=8, batch_size=8),
        RecurrentPPO("MlpLstmPolicy", "CartPole-v1", n_steps=8, policy_kwargs={"lstm_hidden_size": 4}),
    ):
        with pytest.raises(TypeError, match=f"but {type(model).__name__} with a .*Policy on .* was given. Train PPO"):
            log_probabilities(model, np.zeros((1, 4)))
    with pytest.raises(TypeError, match=r"but DQNPolicy with a DQNPolicy on Discrete\(2\) was given"):
        log_probabilities(DQN("MlpPolicy", "CartPole-v1", buffer_size=10).policy, np.zeros((1, 4)))


def test_wrong_contexts_and_rewards() -> None:
    model = policy_with(LOGITS)
    with pytest.raises(ValueError, match="at least one observation"):
        action_use(model, CONTEXTS[:0], rng())
    with pytest.raises(ValueError, match="chunk must be a whole number ≥ 1"):
        action_use(model, CONTEXTS, rng(), chunk=0)
    with pytest.raises(ValueError, match="threshold must be a number between 0 and 1"):
        action_use(model, CONTEXTS, rng(), threshold=-0.1)
    with pytest.raises(ValueError, match=r"\(contexts, actions\), here \(10, 5\), but \(4, 5\) was given"):
        evaluate_bandit(model, CONTEXTS, MEAN_REWARDS, rng())
    with pytest.raises(ValueError, match="mean_rewards must be finite, but 10 of 50 are not"):
        evaluate_bandit(model, CONTEXTS, np.where(np.arange(5) == 2, np.nan, MEAN_REWARDS[ROWS]), rng())
    model.policy.set_training_mode(True)
    with pytest.raises(ValueError, match="a NaN or infinite observation"):
        action_use(model, np.where(ROWS[:, None] == 2, np.nan, CONTEXTS).astype(np.float32), rng())
    assert model.policy.training
    with th.no_grad():
        model.policy.action_net.bias[3] = np.nan
    with pytest.raises(ValueError, match=r"parameter action_net\.bias has become NaN or infinite. Lower learning_rate"):
        action_use(model, CONTEXTS, rng())
    with pytest.raises(ValueError, match="Unexpected observation shape"):
        action_use(policy_with(LOGITS), CONTEXTS[:, :2], rng())


def test_bandits_are_found_through_wrappers() -> None:
    env = VecNormalize(make_vec_env(ToyBandit, 3))
    bandit = find_bandit(env)
    contexts, mean_rewards = bandit.evaluation_set()
    assert np.array_equal(contexts, np.eye(4))
    assert np.array_equal(mean_rewards, MEAN_REWARDS)
    assert len(bandit.evaluation_set(2)[0]) == 2
    env.reset()
    before = env.get_attr("context")
    env.step(np.array([0, 1, 2]))
    expected = sum(MEAN_REWARDS[x].max() - MEAN_REWARDS[x, a] for x, a in zip(before, (0, 1, 2), strict=True))
    assert bandit.cumulative_regret() == pytest.approx(expected)
    assert bandit.contexts_served() == 3
    assert find_bandit(make_vec_env("CartPole-v1")) is None
    assert find_bandit(None) is None


def test_a_bandit_in_other_processes() -> None:
    env = make_vec_env(ToyBandit, 2, vec_env_cls=SubprocVecEnv, vec_env_kwargs={"start_method": "fork"})
    try:
        env.reset()
        env.step(np.array([4, 4]))
        bandit = find_bandit(env)
        assert np.array_equal(bandit.evaluation_set()[1], MEAN_REWARDS)
        assert bandit.contexts_served() == 2
        assert bandit.cumulative_regret() >= 0
    finally:
        env.close()


class Forgetful(ToyBandit):
    """Keeps no regret."""

    def __init__(self):
        super().__init__()
        del self.cumulative_regret, self.contexts_served


def test_a_bandit_that_keeps_no_regret() -> None:
    bandit = find_bandit(make_vec_env(Forgetful))
    assert math.isnan(bandit.cumulative_regret())
    assert math.isnan(bandit.contexts_served())
