"""Boxes of every dtype, up to its ends: what the environment gets, what is learned from, and every width on the way."""

import math
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback

from contracts.envs import VECTOR, RandomEnv
from contracts.models import ASYNCHRONOUS, ON_POLICY, arguments_of, build, observations_of
from sb3_entropy.distributions.base import outside_box
from sb3_entropy.distributions.beta import BetaDistribution
from sb3_entropy.distributions.boxes import from_box, to_box
from sb3_entropy.distributions.laws import law_of, uniform_law
from sb3_entropy.divergences import make_divergence
from sb3_entropy.registry import ACTION_DISTRIBUTIONS, ALGORITHMS

pytestmark = pytest.mark.filterwarnings("ignore:.*density, on average")

BOXES = {
    "int8": spaces.Box(-100, 100, (2,), np.int8),
    "uint8": spaces.Box(0, 255, (2,), np.uint8),
    "int64": spaces.Box(np.iinfo(np.int64).min, np.iinfo(np.int64).max, (2,), np.int64),
    "uint64": spaces.Box(0, np.iinfo(np.uint64).max, (2,), np.uint64),
    "float16": spaces.Box(-65504, 65504, (2,), np.float16),
    "float32": spaces.Box(-3e38, 3e38, (2,), np.float32),
    "float64": spaces.Box(-1e308, 1e308, (2,), np.float64),
}
KINDS: dict[str, dict[str, Any]] = {
    "gaussian": {},
    "beta": {"action_distribution": "beta"},
    "tanh_gaussian": {"action_distribution": "tanh_gaussian", "entropy_estimator": "quadrature"},
    "gsde": {"squash_output": True},
}


class Recording(RandomEnv):
    """Refuses actions outside its space, as its parent does, and keeps the others."""

    def __init__(self, box: spaces.Box, length: int = 7):
        super().__init__(VECTOR, box, length)
        self.seen: list[np.ndarray] = []

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        self.seen.append(action)
        self.t += 1
        return self._observe()[0], float(self.np_random.normal()), self.t >= self.length, False, {}


class StoredProbabilities(BaseCallback):
    """log π of a rollout's stored actions, by the policy that took them, beside what was stored."""

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        buffer = self.model.rollout_buffer  # type: ignore[attr-defined]
        with th.no_grad():
            stored = (buffer.observations, buffer.actions)
            observations, actions = (buffer.to_torch(array.reshape(-1, array.shape[-1])) for array in stored)
            self.again = self.model.policy.evaluate_actions(observations, actions)[1].numpy()  # type: ignore[operator]
        self.stored = buffer.log_probs.ravel()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", BOXES)
def test_the_environment_gets_its_own_actions_and_the_policy_learns_from_what_it_drew(dtype: str, kind: str) -> None:
    env = Recording(BOXES[dtype])
    more = {"use_sde": True, "ent_coef": 0.0} if kind == "gsde" else {}
    model = build("sppo", env, policy_kwargs=KINDS[kind], **more)
    seen = StoredProbabilities()
    model.learn(16, callback=seen)
    np.testing.assert_allclose(seen.again, seen.stored, rtol=2e-4, atol=2e-4)
    actions, _ = model.predict(observations_of(model))
    assert actions.dtype == env.action_space.dtype
    assert all(env.action_space.contains(action) for action in actions)
    if kind != "gaussian":
        low, high = float(BOXES[dtype].low[0]), float(BOXES[dtype].high[0])
        taken = np.array(env.seen, dtype=np.float64) / 4  # all over the box
        assert taken.min() < 0.7 * low / 4 + 0.3 * high / 4
        assert taken.max() > 0.3 * low / 4 + 0.7 * high / 4


@pytest.mark.parametrize("key", ON_POLICY)
def test_every_algorithm_stores_what_was_drawn(key: str) -> None:
    env = Recording(BOXES["int8"], length=4)
    whole = {"n_episodes": 4} if "n_episodes" in arguments_of(ALGORITHMS.get(key)) else {}
    model = build(key, env, policy_kwargs=KINDS["beta"], **whole).learn(16)
    assert len(env.seen) == (0 if key in ASYNCHRONOUS else 16)  # actors step copies of it
    actions = model.rollout_buffer.actions
    assert actions.dtype == np.float32
    assert not np.equal(actions, np.rint(actions)).any()


@pytest.mark.parametrize("dtype", BOXES)
def test_samples_and_actions(dtype: str) -> None:
    box = BOXES[dtype]
    ends = to_box(box, np.array([[-1.0, 1.0], [-1.0, 1.0]], np.float32), scaled=True)
    assert ends.dtype == box.dtype
    assert (ends == [box.low[0], box.high[0]]).all()
    beyond = to_box(box, np.array([[-np.inf, np.inf]], np.float32), scaled=False)
    assert (beyond == [box.low[0], box.high[0]]).all()
    x = np.array([[-0.9, 0.25]], np.float32)
    tolerance = 0.5 if np.issubdtype(box.dtype, np.integer) else 1e-3 * float(box.high[0])  # of the dtype
    half = float(box.high[0]) / 2 - float(box.low[0]) / 2
    assert from_box(box, to_box(box, x, scaled=True)) == pytest.approx(x, abs=tolerance / half + 1e-7)


def test_integers_are_the_nearest() -> None:
    box = spaces.Box(-3, 4, (2,), np.int8)
    assert to_box(box, np.array([1.6, -1.6]), scaled=False).tolist() == [2, -2]
    assert to_box(box, np.array([0.0, 1 - 1e-3]), scaled=True).tolist() == [0, 4]  # ½ goes to the even number


def test_a_box_of_floats_is_not_left_by_a_rounding_error() -> None:
    """In single precision .7 + (1.9 − .7) is more than 1.9: Stable-Baselines3's action for x = 1."""
    box = spaces.Box(np.float32(0.7), np.float32(1.9), (1,), np.float32)
    policy = build("sppo", Recording(box), policy_kwargs=KINDS["beta"]).policy
    assert box.low + 0.5 * np.float32(2) * (box.high - box.low) > box.high
    assert box.contains(policy.unscale_action(np.ones((1, 1), np.float32))[0])


@pytest.mark.parametrize("dtype", BOXES)
def test_entropies_and_widths(dtype: str) -> None:
    box = BOXES[dtype]
    log_width = 2 * (math.log(float(box.high[0]) / 2 - float(box.low[0]) / 2) + math.log(2))
    zeros = th.full((3, 4), math.log(math.e - 1) - 40.0)  # Beta(1, 1): uniform on the box
    beta = BetaDistribution(box).proba_distribution(zeros)
    assert beta.entropy().numpy() == pytest.approx(log_width, rel=1e-6)
    normal = ACTION_DISTRIBUTIONS.get("gaussian")(box).proba_distribution(th.zeros(3, 2), th.zeros(2)).distribution
    assert outside_box(normal, box).isfinite().all()
    if dtype == "float64":
        with pytest.raises(ValueError, match=r"are more than torch.float32 holds. Wrap"):
            law_of(beta, box)
        return
    assert beta.std().double().numpy() / math.exp(log_width / 2) == pytest.approx(math.sqrt(1 / 12), rel=1e-6)
    p, q = law_of(beta, box), uniform_law(box, 3, th.zeros(1))
    assert make_divergence("kl")(p, q).numpy() == pytest.approx(0, abs=1e-6)
    assert make_divergence("negative_entropy")(p, q).numpy() == pytest.approx(-log_width, rel=1e-6)
    assert make_divergence("negative_entropy")(q, q).numpy() == pytest.approx(-log_width, rel=1e-6)
    actions = q.sample(2000)
    assert q.log_prob(actions).numpy() == pytest.approx(-log_width, rel=1e-6)
    assert p.log_prob(actions).numpy() == pytest.approx(-log_width, rel=1e-6)
    middle = (actions.double() / math.exp(log_width / 2)).mean().item()
    assert middle == pytest.approx((float(box.low[0]) / 2 + float(box.high[0]) / 2) / math.exp(log_width / 2), abs=0.02)
    tanh = law_of(ACTION_DISTRIBUTIONS.get("tanh_gaussian")(box).proba_distribution(th.zeros(3, 2), th.zeros(2)), box)
    assert tanh.log_prob(tanh.sample(50)).isfinite().all()
