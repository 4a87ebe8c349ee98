"""What the regularisers of a training add to its loss, and from what: the sum by hand, and its gradient's norm."""

from typing import Any

import numpy as np
import pytest
import torch as th
from contracts.envs import make_env
from contracts.models import ASYNCHRONOUS, ON_POLICY, build
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger

from sb3_entropy.algorithms.common import hooks
from sb3_entropy.distributions.laws import law_of
from sb3_entropy.policies.soft import SoftActorCriticPolicy
from sb3_entropy.regularizers.collection import RegularizerCollection, evaluated_law, norm_of_gradient
from sb3_entropy.regularizers.making import make_regularizers

RULES: list[dict[str, Any]] = [
    {"divergence": "kl", "coef": "lin_0.4"},
    {"divergence": "hellinger", "mode": "repel", "coef": 0.3},
    {"divergence": "kl", "reference": "previous", "coef": 0.9},
]
STATES = th.randn(6, 3, generator=th.Generator().manual_seed(1))


def begun(rules: list[dict[str, Any]]) -> tuple[Any, RegularizerCollection]:
    policy = build("sppo", make_env(actions="discrete")).policy
    with th.no_grad():
        policy.action_net.weight.normal_(generator=th.Generator().manual_seed(2))
    collection = RegularizerCollection(make_regularizers(rules))
    collection.begin(policy, lambda: None)
    return policy, collection


def law_in(policy: Any, states: th.Tensor) -> Any:
    return law_of(policy.get_distribution(states), policy.action_space)


def test_the_penalty_is_the_sum_and_is_logged_by_name() -> None:
    policy, collection = begun(RULES)
    found = collection.penalty(policy, STATES, law_in(policy, STATES), th.tensor(0.0), progress_remaining=0.5)
    with th.no_grad():
        p = policy.get_distribution(STATES).distribution.probs.double().numpy()
    n = p.shape[1]
    kl = (p * np.log(p * n)).sum(axis=1).mean()
    hellinger = collection[1].divergence
    h = float(hellinger(law_in(policy, STATES), law_of_uniform(policy)).mean())
    assert 0 < h != kl > 0
    assert found.item() == pytest.approx(0.2 * kl - 0.3 * h, rel=1e-5)  # "previous" has seen no policy yet
    logger = Logger(None, [])
    collection.record(logger)
    assert logger.name_to_value == pytest.approx(
        {
            "train/kl_uniform": kl,
            "train/kl_uniform_coef": 0.2,
            "train/hellinger_uniform": h,
            "train/hellinger_uniform_coef": 0.3,
        },
        rel=1e-5,
    )


def law_of_uniform(policy: Any) -> Any:
    distribution = policy.get_distribution(STATES)
    distribution.proba_distribution(th.zeros_like(distribution.distribution.logits))
    return law_of(distribution, policy.action_space)


def test_references_and_coefficients_stay_while_a_line_is_searched() -> None:
    policy, collection = begun([{"divergence": "kl", "reference": "ema", "coef": "share_0.5"}])
    for _ in range(2):  # a reference is older than the policy that has collected the rollout
        collection.before_update(policy)
        with th.no_grad():
            policy.action_net.bias.add_(th.arange(3.0))
    law = law_in(policy, STATES)
    regularization = collection.regularization(policy, STATES, law, 1.0)
    loss = (policy.get_distribution(STATES).distribution.logits ** 2).mean()
    first = regularization(law, loss)
    ratio = norm_of_gradient(first, policy) / norm_of_gradient(loss, policy)
    assert ratio == pytest.approx(0.5, rel=1e-4)
    assert regularization(law, 100 * loss).item() == first.item()


def test_norm_of_gradient() -> None:
    """Against central differences along the gradient's own direction, and 0 for a constant."""
    policy, _ = begun([])
    policy.double()
    parameters = list(policy.action_net.parameters())

    def scalar() -> th.Tensor:
        return policy.action_net(th.ones(1, policy.action_net.in_features).double()).sin().sum()

    gradients = th.autograd.grad(scalar(), parameters)
    length = float(th.cat([gradient.flatten() for gradient in gradients]).norm())
    step, values = 1e-5, []
    with th.no_grad():
        for sign in (1, -2):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.add_(sign * step * gradient / length)
            values.append(scalar().item())
    assert norm_of_gradient(scalar(), policy) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-3)
    assert norm_of_gradient(th.tensor(3.0), policy) == 0.0
    assert norm_of_gradient(th.tensor(3.0, requires_grad=True) * 2, policy) == 0.0


class Doubled(SoftActorCriticPolicy):
    """Evaluates actions in a way of its own, and leaves another distribution behind."""

    def evaluate_actions(self, obs: Any, actions: th.Tensor) -> Any:
        evaluated = super().evaluate_actions(obs, actions)
        self.get_distribution(2 * obs)
        return evaluated


@pytest.mark.parametrize("policy_class", ["MlpPolicy", Doubled])
def test_the_law_that_was_evaluated(policy_class: Any) -> None:
    policy = build("sppo", make_env(actions="discrete"), policy=policy_class).policy
    policy.evaluate_actions(STATES, th.zeros(6).long())
    found, expected = evaluated_law(policy, STATES), law_in(policy, STATES)
    assert th.equal(found.log_probs[0], expected.log_probs[0])


def test_of_a_stock_policy() -> None:
    policy = PPO("MlpPolicy", make_env(actions="discrete"), seed=0, device="cpu").policy
    policy.evaluate_actions(STATES, th.zeros(6).long())
    assert th.equal(evaluated_law(policy, STATES).log_probs[0], law_in(policy, STATES).log_probs[0])


@pytest.mark.parametrize("key", ON_POLICY)
def test_an_algorithm_has_its_own_first_and_makes_none_while_it_trains(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(key, make_env(actions="discrete"), regularizers=RULES[:2])
    names = [rule.name for rule in model.active_regularizers]
    assert names[-2:] == ["kl_uniform", "hellinger_uniform"]
    assert len(names) == 3 if key == "divergence_reg_pg" else 2
    assert tuple(model.regularizers) == model.active_regularizers[-2:]
    held = model.active_regularizers
    if key in ASYNCHRONOUS:  # actors have their own from when they are hired
        model.learn(32)

    def refused(*_: Any) -> None:
        raise AssertionError("regularisers are made where arguments are given, not in an update")

    monkeypatch.setattr(hooks, "make_regularizers", refused)
    model.learn(32)
    assert model.active_regularizers is held
