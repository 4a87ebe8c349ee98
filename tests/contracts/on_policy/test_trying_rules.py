"""Regularisers are tried before training in a state that the policy can be in, and leave no trace."""

import io
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3.common.logger import HumanOutputFormat, Logger
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from contracts.envs import ACTIONS, RandomEnv, make_env
from contracts.models import ON_POLICY, assert_same_state, build
from sb3_entropy.divergences.kl import KL
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.references import Reference
from sb3_entropy.registry import DIVERGENCES, REFERENCES
from sb3_entropy.regularizers.collection import LONGEST_NAME, log_names

RULES: list[dict[str, Any]] = [
    {"divergence": "kl", "reference": "previous", "mode": "repel", "cap": 2.0, "coef": 0.5},
    {"divergence": "jensen_shannon", "coef": 0.5},
]
#: no closed form between Gaussians and the uniform law, and no estimator is named
MISFIT: dict[str, Any] = {"divergence": "jensen_shannon", "coef": 0.5}


class Direction(BaseFeaturesExtractor):
    """Normalises what it sees, which zeros have no direction for."""

    def __init__(self, observation_space: spaces.Box):
        super().__init__(observation_space, 3)

    def forward(self, observations: th.Tensor) -> th.Tensor:
        length = observations.norm(dim=1, keepdim=True)
        if not (length > 0).all():
            raise ValueError("Nothing points nowhere.")
        return observations / length


class Words(BaseFeaturesExtractor):
    """Knows ten words, of the million numbers that there are room for."""

    def __init__(self, observation_space: spaces.Box):
        super().__init__(observation_space, 4)
        self.words = th.nn.Embedding(10, 4)

    def forward(self, observations: th.Tensor) -> th.Tensor:
        return self.words(observations[:, 0].long() - 1)  # the first is 1: zero is no word either


class Talking(RandomEnv):
    """Says words."""

    def __init__(self, actions: spaces.Space[Any]):
        super().__init__(spaces.Box(0, 1e6, (1,), np.float32), actions)
        self.n_steps = 0

    def _observe(self, reward: float = 0.0) -> Any:
        self.n_observed += 1
        return np.array([1 + self.n_observed % 10], np.float32), reward

    def step(self, action: Any) -> Any:
        self.n_steps += 1
        return super().step(action)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_network_that_cannot_take_zeros(key: str) -> None:
    kwargs = {"features_extractor_class": Direction}
    model = build(key, make_env(actions="discrete"), regularizers=RULES, policy_kwargs=kwargs)
    model.learn(32)
    assert all(rule.seen is not None for rule in model.active_regularizers[-1:])
    if key != "divergence_reg_pg":
        with pytest.raises(ValueError, match=r"jensen_shannon_uniform cannot be used here: .*no closed form"):
            build(key, regularizers=[MISFIT], policy_kwargs=kwargs)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_network_that_can_take_nothing_but_what_is_observed(key: str) -> None:
    kwargs: dict[str, Any] = {"policy_kwargs": {"features_extractor_class": Words}}
    model = build(key, Talking(ACTIONS["discrete"]), regularizers=RULES, **kwargs)
    assert model.active_regularizers.untried
    model.learn(32)
    assert not model.active_regularizers.untried
    # To be tried has changed nothing.
    idle = [{**rule, "coef": 0.0} for rule in RULES]
    plain = build(key, Talking(ACTIONS["discrete"]), **kwargs).learn(32)
    assert_same_state(build(key, Talking(ACTIONS["discrete"]), regularizers=idle, **kwargs).learn(32), plain)
    # What does not fit is said before the first step.
    env = Talking(ACTIONS["box"])
    model = build("sppo", env, regularizers=[MISFIT], **kwargs)
    with pytest.raises(ValueError, match=r"jensen_shannon_uniform cannot be used here: .*no closed form"):
        model.learn(32)
    assert env.n_steps == 0


class FirstPolicy(Reference):
    """The policy before the first update, of which nobody knows anything earlier."""

    def __init__(self) -> None:
        self.first: Snapshot | None = None

    def before_update(self, policy: Any) -> None:
        self.first = self.first or Snapshot(policy)

    def laws(self, policy: Any, observations: Any, p: Any) -> Any:
        return [] if self.first is None else [(1.0, self.first.law(policy, observations))]


@pytest.mark.parametrize("reference", ["frozen", "first", "previous", "ema"])
def test_a_closed_form_that_goes_with_the_first_step_is_missed_before_it(reference: str) -> None:
    """The σ of two fresh policies are exactly equal, and only then total variation has one in two dimensions."""
    references: dict[str, dict[str, Any]] = {
        "frozen": {"reference": "frozen", "reference_kwargs": {"policy": build("sppo", seed=5)}},
        "first": {"reference": FirstPolicy()},
    }
    rule = {"divergence": "total_variation", **references.get(reference, {"reference": reference})}
    with pytest.raises(ValueError, match=r"total_variation_\w+ cannot be used here: .*no closed form"):
        build("sppo", regularizers=[rule])
    estimated = build("sppo", regularizers=[{**rule, "divergence_kwargs": {"estimator": "mixture_sampling"}}])
    assert not estimated.active_regularizers.untried
    # Where σ cannot move it stays one.
    kwargs = {"std_scheme": "fixed"}
    if reference == "frozen":
        rule = {**rule, "reference_kwargs": {"policy": build("sppo", seed=5, policy_kwargs=kwargs)}}
    model = build("sppo", regularizers=[rule], policy_kwargs=kwargs).learn(64)
    assert model.active_regularizers[0].seen is not None


def test_the_space_is_not_drawn_from() -> None:
    draws = []
    for rules in (None, RULES):
        env = make_env(actions="discrete")
        env.observation_space.seed(3)
        build("sppo", env, regularizers=rules)
        draws.append(env.observation_space.sample())
    assert np.array_equal(*draws)


# ---------------------------------------------------------------------- names in the log


class AnExponentiallyTiltedDivergenceOfSomebodyElse(KL):
    """Its name is longer than a line of Stable-Baselines3's tables."""


class AnExponentiallyTiltedDivergenceOfSomebodyElseToo(KL):
    """It begins alike."""


def test_names_of_any_length_are_logged() -> None:
    rules = [
        {"divergence": cls(), "reference": reference, "coef": 0.1}
        for cls in (AnExponentiallyTiltedDivergenceOfSomebodyElse, AnExponentiallyTiltedDivergenceOfSomebodyElseToo)
        for reference in ("uniform", "uniform", "previous")
    ]
    model = build("sppo", make_env(actions="discrete"), regularizers=rules)
    table = io.StringIO()
    model.set_logger(Logger(None, [HumanOutputFormat(table)]))
    model.learn(64, log_interval=1)
    # Twice as many lines as rules: a divergence and a coefficient each.
    assert len({line.split("|")[1] for line in table.getvalue().splitlines() if "AnExponentia..." in line}) == 12


def test_log_names() -> None:
    ours = [f"{divergence}_{reference}" for divergence, _ in DIVERGENCES.items() for reference, _ in REFERENCES.items()]
    assert log_names(ours) == ours
    assert log_names(["kl_uniform"] * 3 + ["kl_uniform_2"]) == [
        "kl_uniform",
        "kl_uniform_2",
        "kl_uniform_3",
        "kl_uniform_2_2",
    ]
    long = log_names([f"{'x' * 40}{i % 3}{'y' * 40}" for i in range(12)])
    assert len(set(long)) == 12
    assert all(len(name) <= LONGEST_NAME + 3 for name in long)
