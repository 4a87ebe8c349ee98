"""What draws at random while it learns is at rest in rollouts, in evaluations and in references, wherever it stands."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from contracts.envs import make_env
from contracts.models import build, observations_of
from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.references.frozen import FrozenPolicy


class Drop(th.nn.Dropout):
    """Half of what comes in."""

    def __init__(self) -> None:
        super().__init__(0.5)


class Extractor(BaseFeaturesExtractor):
    """Normalises by the batch, and then drops half."""

    def __init__(self, observation_space: spaces.Box):
        super().__init__(observation_space, 3)
        self.layers = th.nn.Sequential(th.nn.BatchNorm1d(3), th.nn.Dropout(0.5))

    def forward(self, observations: th.Tensor) -> th.Tensor:
        return self.layers(observations)


RANDOM: dict[str, dict[str, Any]] = {
    "rrelu": {"activation_fn": th.nn.RReLU},
    "dropout": {"activation_fn": Drop},
    "extractor": {"features_extractor_class": Extractor},
}
POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "discrete": ("discrete", {}),
    "beta": ("box", {"action_distribution": "beta"}),
    "gaussian": ("box", {"std_scheme": "global_local"}),
}


@pytest.mark.parametrize("kind", RANDOM)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_that_is_looked_at_is_at_rest(policy: str, kind: str) -> None:
    actions, policy_kwargs = POLICIES[policy]
    model = build("sppo", make_env(actions=actions), policy_kwargs={**policy_kwargs, **RANDOM[kind]})
    observations = observations_of(model, 20)
    model.policy.set_training_mode(True)  # as it stands while a callback looks on after an update
    first = model.predict(observations, deterministic=True)[0]
    assert all(np.array_equal(first, model.predict(observations, deterministic=True)[0]) for _ in range(3))
    states = model.policy.obs_to_tensor(observations)[0]
    model.policy.set_training_mode(True)
    frozen = FrozenPolicy(model.policy)
    frozen.begin(model.policy)
    q, snapshot = frozen._policy, Snapshot(model.policy)
    assert q is not None
    played = th.as_tensor(first)[None]
    looks = {
        "frozen": lambda: q(states, deterministic=True)[0],
        "snapshot": lambda: snapshot.law(model.policy, states).log_prob(played),
        "logged": lambda: th.tensor(list(describe_policy(model.policy, states).values())),
    }
    for name, look in looks.items():
        assert th.equal(look(), look()), name
    assert all(module.training for module in model.policy.modules())


def test_every_module_has_its_own_mode_back() -> None:
    """A normalisation that the user keeps as it is stays so when somebody has looked."""
    model = build("sppo", make_env(actions="discrete"), policy_kwargs=RANDOM["extractor"])
    model.policy.set_training_mode(True)
    norm = model.policy.features_extractor.layers[0]
    norm.eval()
    states = model.policy.obs_to_tensor(observations_of(model))[0]
    Snapshot(model.policy).law(model.policy, states)
    describe_policy(model.policy, states)
    assert not norm.training
    assert model.policy.training
    assert model.policy.features_extractor.layers[1].training


def test_a_look_that_fails_leaves_the_mode() -> None:
    model = build("sppo", make_env(actions="discrete"))
    model.policy.set_training_mode(True)
    with pytest.raises(RuntimeError):
        describe_policy(model.policy, th.zeros(2, 99))
    assert all(module.training for module in model.policy.modules())
