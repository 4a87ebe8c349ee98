"""SAC's policy in all its kinds: with gSDE, and with mappings and images to see."""

from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces

from policies.families import BOX, VECTOR, Steps, build

PICTURE = spaces.Box(0, 255, (1, 36, 36), np.uint8)


class Seeing(Steps):
    """Observations of any space."""

    def __init__(self, space: spaces.Space[Any]):
        super().__init__(BOX)
        self.observation_space = space

    def _observed(self) -> Any:
        return self.observation_space.sample()


#: by kind: what is seen, the policy's name, its arguments, and whether gSDE is used
KINDS: dict[str, tuple[spaces.Space[Any], str, dict[str, Any], bool]] = {
    "vector": (VECTOR, "MlpPolicy", {}, False),
    "gSDE": (VECTOR, "MlpPolicy", {}, True),
    "mapping": (spaces.Dict({"a": VECTOR, "b": spaces.Discrete(3)}), "MultiInputPolicy", {}, False),
    "image": (PICTURE, "CnnPolicy", {"features_extractor_kwargs": {"features_dim": 4}}, False),
    "image, shared": (
        PICTURE,
        "CnnPolicy",
        {"features_extractor_kwargs": {"features_dim": 4}, "share_features_extractor": True},
        False,
    ),
}


def actor_of(kind: str, n_states: int = 6, key: str = "sac", **kwargs: Any) -> tuple[Any, Any]:
    """:return: a small model whose actions depend on the state and are spread over the box, and states as tensors"""
    space, policy, policy_kwargs, use_sde = KINDS[kind]
    policy_kwargs = {**policy_kwargs, **kwargs.pop("policy_kwargs", {})}
    model = build(key, Seeing(space), policy=policy, policy_kwargs=policy_kwargs, use_sde=use_sde, **kwargs)
    with th.no_grad():
        for parameter in model.policy.actor.parameters():
            parameter.div_(fan_in(parameter) ** 0.5)
    space.seed(1)
    seen = [space.sample() for _ in range(n_states)]
    batch = {name: np.stack([each[name] for each in seen]) for name in seen[0]} if kind == "mapping" else np.stack(seen)
    return model, model.policy.obs_to_tensor(batch)[0]


def fan_in(parameter: th.Tensor) -> int:
    """:return: of a layer's weights: how many numbers enter each of its outputs; 1 of biases"""
    return parameter[0].numel() if parameter.dim() > 1 else 1


def moved(policy: Any, seed: int) -> None:
    """Moves every parameter of actor and critics, those that two share once."""
    generator = th.Generator().manual_seed(seed)
    with th.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.3 * th.randn(parameter.shape, generator=generator) / fan_in(parameter) ** 0.5)


def parameters_of(law: Any) -> th.Tensor:
    """:return: μ and σ before squashing, shape (2, B, A)"""
    return th.stack([law.mean, law.std]).detach()
