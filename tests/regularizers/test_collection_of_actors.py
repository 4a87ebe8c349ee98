"""Regularisers of SAC's policy: the law that the actor's pass has left, penalties against integrals in the box."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch as th
from policies.actors import KINDS, actor_of, moved, parameters_of
from policies.families import BOX
from scipy import stats
from stable_baselines3.common.logger import Logger
from stable_baselines3.sac.policies import Actor

from sb3_entropy.distributions.laws import TanhGaussian
from sb3_entropy.policies.laws import law_at
from sb3_entropy.references import make_reference
from sb3_entropy.regularizers.collection import RegularizerCollection, evaluated_law, norm_of_gradient
from sb3_entropy.regularizers.making import make_regularizers

LOW, HIGH = BOX.low.astype(float)[:, None], BOX.high.astype(float)[:, None]
#: cells of [−1, 1], small where tanh presses the density together, their middles there, and their widths in the box
_EDGES = np.tanh(np.linspace(-12, 12, 6_001))
MIDDLES = (_EDGES[1:] + _EDGES[:-1]) / 2
WIDTHS = (HIGH - LOW) / 2 * np.diff(_EDGES)


def collection_of(policy: Any, *rules: dict[str, Any]) -> RegularizerCollection:
    collection = RegularizerCollection(make_regularizers(list(rules)))
    collection.begin(policy, lambda: None)
    return collection


def log_density(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """:return: of the action in one state, a dimension, in the environment's units: in each cell, shape (2, cells)"""
    slope = (HIGH - LOW) / 2 * (1 - MIDDLES**2)
    return stats.norm(mean[:, None], std[:, None]).logpdf(np.arctanh(MIDDLES)) - np.log(slope)


def kl(log_p: np.ndarray, log_q: np.ndarray) -> float:
    """∫ p log(p/q), of independent dimensions."""
    return float((WIDTHS * np.exp(log_p) * (log_p - log_q)).sum())


def hellinger(log_p: np.ndarray, log_q: np.ndarray) -> float:
    """1 − Π ∫ √(p q)."""
    return float(1 - (WIDTHS * np.exp((log_p + log_q) / 2)).sum(axis=1).prod())


DEFINITIONS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "kl": kl,
    "reverse_kl": lambda p, q: kl(q, p),
    "hellinger": hellinger,
}


@pytest.mark.parametrize("kind", ["vector", "gSDE"])
@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("mode", ["attract", "repel"])
def test_a_penalty_and_its_gradient_are_those_of_the_integral_in_the_box(name: str, kind: str, mode: str) -> None:
    """
    D is an integral over the box; ∂D/∂μ and ∂D/∂σ are central differences of it, and from there to the parameters
    it is the actor's own chain rule.
    """
    model, states = actor_of(kind, 3)
    policy = model.policy
    other, _ = actor_of(kind, 3)
    moved(other.policy, 5)
    rule = {"divergence": name, "reference": "frozen", "reference_kwargs": {"policy": other}, "mode": mode, "coef": 0.7}
    if mode == "repel":
        rule["cap"] = 1e3
    collection = collection_of(policy, rule)
    policy.actor.action_log_prob(states)
    law: Any = evaluated_law(policy, states)
    penalty = collection.penalty(policy, states, law, th.tensor(0.0), 1.0)
    penalty.backward()
    with th.no_grad():
        q = parameters_of(law_at(other.policy, states)).double().numpy()
    p = parameters_of(law).double().numpy()

    def between(parameters: np.ndarray) -> float:
        each = [DEFINITIONS[name](log_density(*parameters[:, s]), log_density(*q[:, s])) for s in range(3)]
        return (0.7 if mode == "attract" else -0.7) * float(np.mean(each))

    assert penalty.item() == pytest.approx(between(p), rel=2e-4)
    assert abs(penalty.item()) > 0.01
    slopes = np.zeros_like(p)
    for place in np.ndindex(p.shape):
        step = np.zeros_like(p)
        step[place] = 1e-4
        slopes[place] = (between(p + step) - between(p - step)) / 2e-4
    again: Any = law_at(policy, states)
    parameters = list(policy.actor.parameters())
    outer = [th.as_tensor(slope, dtype=th.float32) for slope in slopes]
    expected = th.autograd.grad([again.mean, again.std], parameters, outer, allow_unused=True)
    for parameter, gradient in zip(parameters, expected, strict=True):
        if gradient is not None:
            assert parameter.grad is not None
            assert th.allclose(parameter.grad, gradient, rtol=2e-3, atol=2e-4 * float(gradient.abs().max() + 1e-3))
    assert all(parameter.grad is None for parameter in policy.critic.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_the_law_that_the_pass_has_left(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No second pass, and what the actor does next, in the states that follow, does not change it."""
    model, states = actor_of(kind)
    policy = model.policy
    passes = []
    plain = Actor.get_action_dist_params
    monkeypatch.setattr(Actor, "get_action_dist_params", lambda self, obs: passes.append(1) or plain(self, obs))
    if policy.actor.use_sde:
        policy.actor.reset_noise()
    policy.actor.action_log_prob(states)
    law = evaluated_law(policy, states)
    assert len(passes) == 1
    assert isinstance(law, TanhGaussian)
    expected = law_at(policy, states)
    moved(policy, 2)
    policy.actor.action_log_prob(states)
    assert th.equal(parameters_of(law), parameters_of(expected))
    assert law.mean.requires_grad
    assert law.std.requires_grad
    assert (law.low.tolist(), law.high.tolist()) == (BOX.low.tolist(), BOX.high.tolist())


class Shifted(Actor):
    """Draws in a way of its own, and leaves another distribution behind."""

    def action_log_prob(self, obs: Any) -> Any:
        drawn = super().action_log_prob(obs)
        self.action_dist.proba_distribution(th.ones(6, 2), th.zeros(6, 2))
        return drawn


def test_the_law_of_an_actor_that_draws_otherwise_is_built() -> None:
    model, states = actor_of("vector")
    model.policy.actor.__class__ = Shifted
    model.policy.actor.action_log_prob(states)
    assert th.equal(parameters_of(evaluated_law(model.policy, states)), parameters_of(law_at(model.policy, states)))
    compiled, _ = actor_of("vector")
    compiled.policy.actor.action_log_prob(states)
    wrapped = th.compile(compiled.policy, backend="eager")
    assert th.equal(parameters_of(evaluated_law(wrapped, states)), parameters_of(law_at(compiled.policy, states)))


REFERENCES: dict[str, dict[str, Any]] = {
    "uniform": {"divergence": "hellinger", "divergence_kwargs": {"estimator": "mixture_sampling"}},
    "frozen": {"divergence": "kl"},
    "previous": {"divergence": "reverse_kl", "reference_kwargs": {"every": 2}},
    "ema": {"divergence": "kl", "reference_kwargs": {"decay": 0.5}, "coef": "auto", "target_divergence": 0.5},
}


def modes(policy: Any) -> list[bool]:
    return [module.training for module in policy.modules()]


@pytest.mark.parametrize("kind", ["vector", "gSDE", "mapping", "image, shared"])
@pytest.mark.parametrize("key", REFERENCES)
def test_updates_in_their_order_and_again_from_a_pickle(key: str, kind: str) -> None:
    """Nothing is drawn but by an estimator, the modes stay, and a collection that was saved goes on bit for bit."""
    model, states = actor_of(kind)
    policy = model.policy
    policy.set_training_mode(True)
    rule = {"reference": key, "coef": 0.3, **REFERENCES[key]}
    if key == "frozen":
        rule["reference_kwargs"] = {"policy": actor_of(kind)[0]}
        moved(policy, 9)
    generators, held = (th.get_rng_state(), np.random.get_state()[1].tolist()), modes(policy)
    collection = collection_of(policy, rule)
    collection.try_in(policy, model.env.reset())
    assert not collection.untried
    assert th.equal(th.get_rng_state(), generators[0])
    assert np.random.get_state()[1].tolist() == generators[1]
    seen = []
    for update in range(5):
        moved(policy, update)
        if update == 3:
            collection = pickle.loads(pickle.dumps(others := [collection]))[0]
            collection.begin(policy, lambda: None)
            collections = [*others, collection]
        elif update < 3:
            collections = [collection]
        values = []
        for each in collections:
            th.manual_seed(update)
            each.before_update(policy)
            policy.actor.action_log_prob(states)
            before = th.get_rng_state()
            law, loss = evaluated_law(policy, states), th.tensor(1.0)
            penalty = each.regularization(policy, states, law, 0.5)(law, loss)
            assert th.equal(th.get_rng_state(), before) is (key != "uniform")
            each.after_update(4)
            logger = Logger(None, [])
            each.record(logger)
            gradient = (
                th.autograd.grad(penalty, list(policy.actor.mu.parameters()))
                if penalty.requires_grad
                else [th.zeros(1)]
            )
            values.append((penalty.item(), float(th.cat([g.flatten() for g in gradient]).norm()), logger.name_to_value))
        assert all(value == values[0] for value in values)
        seen.append(values[0])
    assert modes(policy) == held
    first = {"previous": 1, "ema": 1}.get(key, 0)  # there is no reference before
    for update, (penalty, norm, logged) in enumerate(seen):
        names = {f"train/{rule['divergence']}_{key}", f"train/{rule['divergence']}_{key}_coef"}
        assert set(logged) == (names if update >= first else set())
        assert (penalty > 0 and norm > 0) is (update >= first)
    if key == "ema":
        coefs = [logged["train/kl_ema_coef"] for _, _, logged in seen[1:]]
        assert len(set(coefs)) > 1


def test_the_actors_gradient_is_the_measure_of_a_share() -> None:
    """The loss is a function of the critics' parameters too, which it does not move."""
    model, states = actor_of("vector")
    policy = model.policy
    other, _ = actor_of("vector")
    moved(other.policy, 5)
    frozen = make_reference("frozen", policy=other)
    collection = collection_of(policy, {"divergence": "kl", "reference": frozen, "coef": "share_0.5"})
    actions, log_prob = policy.actor.action_log_prob(states)
    law = evaluated_law(policy, states)
    loss = (0.1 * log_prob - th.min(*policy.critic(states, actions))[:, 0]).mean()
    penalty = collection.penalty(policy, states, law, loss, 1.0)

    def norm(scalar: th.Tensor) -> float:
        found = th.autograd.grad(scalar, list(policy.actor.parameters()), retain_graph=True)
        return float(th.cat([gradient.flatten() for gradient in found]).double().norm())

    assert norm(penalty) == pytest.approx(0.5 * norm(loss), rel=1e-4)
    assert norm_of_gradient(loss, policy) == pytest.approx(norm(loss), rel=1e-5)
    critics = th.autograd.grad(loss, list(policy.critic.parameters()), retain_graph=True)
    assert all(gradient.abs().sum() > 0 for gradient in critics)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"divergence": "kl"}, r"'kl' has no closed form between p, TanhGaussian.*mixture_sampling"),
        ({"divergence": "negative_entropy"}, r"'negative_entropy' has no closed form.*mixture_sampling"),
        ({"divergence": "jensen_shannon", "reference": "ema"}, r"'jensen_shannon' has no closed form"),
        ({"divergence": "total_variation", "reference": "previous"}, r"'total_variation' has no closed form"),
        ({"divergence": "kl", "reference": "previous", "reference_kwargs": {"n_snapshots": 3}}, r"q, Mixture"),
        (
            {"divergence": "mmd", "divergence_kwargs": {"kernel": "rbf"}, "reference": "ema"},
            r"'mmd' has no closed form",
        ),
        ({"divergence": "mmd", "divergence_kwargs": {"kernel": "linear"}}, r"'mmd' has no closed form"),
        ({"divergence": "max_deviation"}, r"no estimator either: it is for finitely many actions"),
    ],
)
def test_what_has_no_closed_form_is_told_before_training_and_can_be_estimated(rule: Any, message: str) -> None:
    model, states = actor_of("vector")
    collection = collection_of(model.policy, rule)
    with pytest.raises(ValueError, match=message):
        collection.try_in(model.policy, None)
    if rule["divergence"] == "max_deviation":
        return
    named = {**rule.get("divergence_kwargs", {}), "estimator": "mixture_sampling"}
    collection = collection_of(model.policy, {**rule, "divergence_kwargs": named})
    collection.try_in(model.policy, model.env.reset())
    for update in range(2):
        moved(model.policy, update)
        collection.before_update(model.policy)
    model.policy.actor.action_log_prob(states)
    law = evaluated_law(model.policy, states)
    penalty = collection.penalty(model.policy, states, law, th.tensor(0.0), 1.0)
    (gradient,) = th.autograd.grad(penalty, [model.policy.actor.mu.weight])
    assert gradient.abs().sum() > 0


def test_a_mean_over_a_window_has_a_closed_form() -> None:
    model, _ = actor_of("vector")
    options = {"n_snapshots": 3, "combine": "mean"}
    collection = collection_of(model.policy, {"divergence": "kl", "reference": "previous", "reference_kwargs": options})
    collection.try_in(model.policy, None)
    assert not collection.untried


@pytest.mark.parametrize("kind", ["vector", "gSDE"])
@pytest.mark.parametrize("mode", ["attract", "repel"])
def test_a_policy_is_drawn_towards_a_frozen_one_and_driven_from_the_uniform(mode: str, kind: str) -> None:
    model, states = actor_of(kind, 32)
    policy = model.policy
    other, _ = actor_of(kind)
    moved(other.policy, 5)
    rule = {"divergence": "kl", "reference": "frozen", "reference_kwargs": {"policy": other}, "coef": 1.0}
    if mode == "repel":
        named = {"estimator": "mixture_sampling", "n_samples": 256}
        rule = {"divergence": "hellinger", "divergence_kwargs": named, "mode": "repel", "coef": 1.0}
    collection = collection_of(policy, rule)
    optimizer = th.optim.Adam(policy.actor.parameters(), lr=0.01)
    th.manual_seed(0)
    seen = []
    for _ in range(60):
        collection.before_update(policy)
        policy.actor.action_log_prob(states)
        law = evaluated_law(policy, states)
        penalty = collection.penalty(policy, states, law, th.tensor(0.0), 1.0)
        optimizer.zero_grad()
        penalty.backward()
        optimizer.step()
        assert collection[0].seen is not None
        seen.append(collection[0].seen[0])
    assert seen[-1] < 0.4 * seen[0] if mode == "attract" else seen[-1] > 1.3 * seen[0]
