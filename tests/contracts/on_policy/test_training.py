"""Every soft setting trains, on every space that is allowed."""

import itertools
import warnings
from collections import Counter
from typing import Any, ClassVar

import numpy as np
import pytest
import torch as th
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.distributions import SquashedDiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecNormalize

from contracts.envs import ACTIONS, OBSERVATIONS, make_env, make_vec_env
from contracts.models import (
    ASYNCHRONOUS,
    ON_POLICY,
    SYNCHRONOUS,
    assert_equal_parameters,
    build,
    has_moved,
    parameters,
    policy_for,
    record,
)
from contracts.pairs import combinations
from sb3_entropy.algorithms.actors.gradient_actor import GradientActor
from sb3_entropy.registry import ACTION_DISTRIBUTIONS, STD_SCHEMES

FORMS = ("entropy", "log_prob")
UNITS = ("reward", "normalised")


def trained(key: str, env: Any = None, steps: int = 16, **kwargs: Any) -> Any:
    """:return: a model that has trained for two rollouts, unless more are asked for, and has moved"""
    model = build(key, env, **{"n_steps": 8, **kwargs})
    start = parameters(model)
    model.learn(steps)
    assert has_moved(model, start)
    return model


def with_actions() -> list[tuple[str, str]]:
    """
    :return: every algorithm on boxes and on choices, and with several choices at once one algorithm after another; an
        asynchronous one, whose loss is another's, on one space
    """
    several = [actions for actions in ACTIONS if actions.startswith("multi_")]
    pairs = [(key, actions) for key in SYNCHRONOUS for actions in ACTIONS if actions not in several]
    pairs += [(key, several[place % len(several)]) for place, key in enumerate(SYNCHRONOUS)]
    return pairs + [(key, list(ACTIONS)[place % len(ACTIONS)]) for place, key in enumerate(ASYNCHRONOUS)]


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("key", "actions"), with_actions())
def test_every_setting_on_every_action_space(key: str, actions: str, every: bool) -> None:
    """The 2×2 of entropy in return and improvement, both forms, both units. What should differ does."""
    outcomes = {}
    for in_return, in_improvement, form, unit in itertools.product((True, False), (True, False), FORMS, UNITS):
        # Where neither form nor unit should matter, both change at once, unless everything is tried.
        if not every and not in_improvement and (in_return == (form == FORMS[0])) != (unit == UNITS[0]):
            continue
        model = trained(
            key,
            make_env(actions=actions),
            steps=8,
            ent_coef=0.2,
            normalize_advantage=True,
            entropy_in_return=in_return,
            entropy_in_improvement=in_improvement,
            soft_gradient=form,
            ent_coef_unit=unit,
        )
        outcomes[in_return, in_improvement, form, unit] = th.cat([p.flatten() for p in parameters(model).values()])
    for in_return in (True, False):
        # Without the immediate term there is nothing that has a form or a unit.
        without = [outcome for setting, outcome in outcomes.items() if setting[:2] == (in_return, False)]
        assert all(th.equal(without[0], other) for other in without[1:])
        settings = [outcomes[in_return, True, form, unit] for form in FORMS for unit in UNITS]
        for one, other in itertools.combinations([without[0], *settings], 2):
            assert not th.equal(one, other)
    for form, unit in itertools.product(FORMS, UNITS):
        assert not th.equal(outcomes[True, True, form, unit], outcomes[False, True, form, unit])


@pytest.mark.parametrize(
    ("key", "observations", "form"), combinations(ON_POLICY, OBSERVATIONS, FORMS, inheriting=ASYNCHRONOUS)
)
def test_every_observation_space(key: str, observations: str, form: str) -> None:
    trained(key, make_env(observations), policy=policy_for(observations), ent_coef="auto_0.1", soft_gradient=form)


@pytest.mark.parametrize("key", ON_POLICY)
def test_several_environments_and_vec_normalize(key: str) -> None:
    model = trained(key, VecNormalize(make_vec_env(3, truncates=True)), steps=96, ent_coef=0.1)
    assert model.num_timesteps == 96


def fits(scheme: str, distribution: str) -> bool:
    """:return: whether the distribution has what the scheme is about"""
    return ACTION_DISTRIBUTIONS.get(distribution).has_std or scheme == "global"


# Each distribution with each way to estimate its entropy.
ESTIMATED = [(name, estimator) for name, cls in ACTION_DISTRIBUTIONS.items() for estimator in cls.estimators or (None,)]


@pytest.mark.parametrize(
    ("key", "scheme", "estimated"),
    combinations(
        ON_POLICY,
        STD_SCHEMES.keys(),
        ESTIMATED,
        allowed=lambda _, scheme, one: fits(scheme, one[0]),
        inheriting=ASYNCHRONOUS,
    ),
)
def test_every_scheme_with_every_distribution(key: str, scheme: str, estimated: tuple[str, str | None]) -> None:
    policy_kwargs = {"std_scheme": scheme, "action_distribution": estimated[0], "entropy_estimator": estimated[1]}
    model = trained(key, policy_kwargs=policy_kwargs, ent_coef=0.1)
    in_optimizer = {id(p) for group in model.policy.optimizer.param_groups for p in group["params"]}
    assert in_optimizer == {id(p) for p in model.policy.parameters()}
    action, _ = model.predict(model.observation_space.sample())
    assert model.action_space.contains(action)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_scheme_without_effect_is_refused(key: str) -> None:
    for scheme, distribution in itertools.product(STD_SCHEMES.keys(), ACTION_DISTRIBUTIONS.keys()):
        if not fits(scheme, distribution):
            with pytest.raises(
                ValueError, match=rf"std_scheme='{scheme}' has no effect.*Choose action_distribution='gaussian'"
            ):
                build(key, policy_kwargs={"std_scheme": scheme, "action_distribution": distribution})


@pytest.mark.parametrize("scheme", STD_SCHEMES.keys())
@pytest.mark.parametrize("log_std_init", [0.0, -0.7])
def test_every_scheme_starts_at_log_std_init(scheme: str, log_std_init: float) -> None:
    model = build("sppo", policy_kwargs={"std_scheme": scheme, "log_std_init": log_std_init})
    states = th.randn(6, 3)
    std = model.policy.get_distribution(states).std()
    assert th.allclose(std, th.full((6, 2), np.exp(log_std_init)), rtol=1e-4)
    log_prob = model.policy.get_distribution(states).log_prob(th.zeros(6, 2))
    log_prob.sum().backward()
    scheme_parameters = [p for name, p in model.policy.named_parameters() if "std" in name]
    assert all(p.grad is not None for p in scheme_parameters)
    cls = STD_SCHEMES.get(scheme)
    assert (len(scheme_parameters) == 0) == (cls.global_part == "constant" and not cls.is_local)


@pytest.mark.parametrize("key", ON_POLICY)
def test_gsde_trains_softly(key: str) -> None:
    for form in FORMS:
        trained(key, use_sde=True, ent_coef=0.1, soft_gradient=form, sde_sample_freq=4)


UNESTIMATED = {
    "gsde-squashed": {"use_sde": True, "policy_kwargs": {"squash_output": True}},
    "tanh": {"policy_kwargs": {"action_distribution": "tanh_gaussian"}},
}


@pytest.mark.parametrize("kind", UNESTIMATED)
@pytest.mark.parametrize("key", ON_POLICY)
def test_nothing_is_estimated_silently(key: str, kind: str) -> None:
    """Refused at once wherever a closed form would be needed; allowed where none is."""
    message = r"The entropy of \w+Distribution has no closed form, and nothing is estimated silently.*or set ent_coef=0"
    for soft in (
        {"ent_coef": 0.1},
        {"ent_coef": "auto_0.1"},
        {"ent_coef": "lin_0.1", "entropy_in_return": False},
        {"ent_coef": 0.1, "soft_gradient": "log_prob"},
        {"ent_coef": "auto_0.1", "soft_gradient": "log_prob", "entropy_in_return": False, "target_entropy": 0.0},
    ):
        with pytest.raises(ValueError, match=message):
            build(key, **UNESTIMATED[kind], **soft)
    model = trained(key, **UNESTIMATED[kind], ent_coef=0.0)
    # −α log π_old alone needs samples, not the entropy.
    sampled = trained(key, **UNESTIMATED[kind], ent_coef=0.1, soft_gradient="log_prob", entropy_in_return=False)
    assert not th.equal(*(m.policy.action_net.weight for m in (model, sampled)))


class CustomPolicy(ActorCriticPolicy):
    """A user's own policy that knows nothing of ours."""


class LocalStdPolicy(ActorCriticPolicy):
    """A user's own policy with a std of its own."""

    def _get_action_dist_from_latent(self, latent_pi: th.Tensor) -> Any:
        mean = self.action_net(latent_pi)
        return self.action_dist.proba_distribution(mean, self.log_std + 0.3 * mean)


class SquashedPolicy(ActorCriticPolicy):
    """A user's own policy whose distribution has no closed-form entropy."""

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_dist = SquashedDiagGaussianDistribution(self.action_space.shape[0])

    def _get_action_dist_from_latent(self, latent_pi: th.Tensor) -> Any:
        return self.action_dist.proba_distribution(self.action_net(latent_pi), self.log_std)


@pytest.mark.parametrize("policy", [CustomPolicy, LocalStdPolicy])
@pytest.mark.parametrize("key", ON_POLICY)
def test_a_users_policy_class(key: str, policy: type[ActorCriticPolicy]) -> None:
    model = build(key, policy=policy, ent_coef=0.1)
    start, recorder = parameters(model), record(model)
    model.learn(32, log_interval=1)
    assert has_moved(model, start)
    assert type(model.policy) is policy
    spread = recorder.values["train/entropy_q90"][-1] - recorder.values["train/entropy_q10"][-1]
    assert (spread > 1e-3) == (policy is LocalStdPolicy)
    assert recorder.values["train/std"][-1] > 0


@pytest.mark.parametrize(
    "soft", [{}, {"entropy_in_return": False}, {"soft_gradient": "log_prob"}], ids=["default", "bonus", "log_prob"]
)
@pytest.mark.parametrize("key", ON_POLICY)
def test_a_users_policy_class_without_entropy(key: str, soft: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="has no closed form, and nothing is estimated silently"):
        build(key, policy=SquashedPolicy, ent_coef=0.1, **soft).learn(32)


class CountingBuffer(RolloutBuffer):
    """A user's own buffer."""

    #: by their tag, how much was added to all of them
    n_added_to: ClassVar[Counter[str]] = Counter()

    def __init__(self, *args: Any, tag: str = "", **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.tag = tag
        self.n_added = 0

    def add(self, *args: Any, **kwargs: Any) -> None:
        self.n_added += 1
        self.n_added_to[self.tag] += 1
        super().add(*args, **kwargs)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_users_rollout_buffer(key: str) -> None:
    settings: dict[str, Any] = {"ent_coef": 0.1, "steps": 32}
    CountingBuffer.n_added_to.clear()
    model = trained(key, rollout_buffer_class=CountingBuffer, rollout_buffer_kwargs={"tag": "mine"}, **settings)
    assert isinstance(model.rollout_buffer, CountingBuffer)
    assert model.rollout_buffer.tag == "mine"
    # Steps are added where the returns are made: at actors that learn, one of whom is at eight more.
    found = model.rollout_buffer.n_added, CountingBuffer.n_added_to["mine"]
    assert found == ((0, 40) if issubclass(getattr(model, "actor_class", object), GradientActor) else (32, 32))
    assert model.rollout_buffer_class is CountingBuffer
    # The soft returns are the same in any buffer.
    assert_equal_parameters(model, parameters(trained(key, **settings)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", ON_POLICY)
def test_the_same_seed_gives_the_same_run(key: str, form: str) -> None:
    first, second, other = (
        trained(key, make_env(actions="multi_discrete"), seed=seed, soft_gradient=form, ent_coef="auto_0.1")
        for seed in (3, 3, 4)
    )
    assert_equal_parameters(first, parameters(second))
    assert first.temperature == second.temperature
    assert not th.equal(first.policy.action_net.weight, other.policy.action_net.weight)


@pytest.mark.parametrize("key", ON_POLICY)
def test_no_warning_at_the_defaults(key: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(key)
