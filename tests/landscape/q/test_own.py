"""The critics that an agent has itself."""

from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3 import DDPG, SAC, TD3

from sb3_entropy import SACAdaEnt
from sb3_entropy.landscape.q.own import OwnCritics, own_critics


def made(algorithm: Any) -> Any:
    kwargs = {"net_arch": [8, 8], "activation_fn": th.nn.Tanh}
    return algorithm("MlpPolicy", "Pendulum-v1", policy_kwargs=kwargs, device="cpu", seed=1)


RNG = np.random.default_rng(0)
STATES = RNG.normal(size=(3, 3)).astype(np.float32)
ACTIONS = RNG.uniform(-1, 1, size=(3, 4, 1))


def test_values_are_the_modules_and_gradients_are_differences() -> None:
    model = made(SACAdaEnt)
    plain, soft = own_critics(model, 0.3, scale=2.0)
    assert plain is not None
    assert soft is not None
    assert (plain.ent_coef, soft.ent_coef, plain.n_critics) == (0.0, 0.3, 2)
    for found, module in ((plain, model.plain_critic), (soft, model.critic)):
        values = found.values(STATES, ACTIONS)
        for i in range(3):
            with th.no_grad():
                x = th.as_tensor(STATES[i]).expand(4, -1)
                expected = module(x, th.as_tensor(ACTIONS[i], dtype=th.float32))
            assert np.allclose(values[:, i], 2 * th.stack(expected)[:, :, 0].numpy(), atol=1e-6)
        step = 1e-2
        differences = (found.values(STATES, ACTIONS + step) - found.values(STATES, ACTIONS - step)) / (2 * step)
        assert np.allclose(found.gradients(STATES, ACTIONS)[..., 0], differences, atol=2e-3)
        assert abs(differences).max() > 0.01


def test_nothing_stays_with_the_critics_and_they_stay_as_they_were() -> None:
    model = made(SAC)
    model.critic.set_training_mode(True)
    for parameter in model.critic.parameters():
        parameter.grad = th.ones_like(parameter)
    critics = OwnCritics(model.policy, model.critic, 0.1)
    before = critics.gradients(STATES, ACTIONS)
    assert model.critic.training
    assert all(th.equal(parameter.grad, th.ones_like(parameter)) for parameter in model.critic.parameters())
    with th.no_grad():
        for parameter in model.policy.parameters():
            parameter.mul_(2)
    assert np.array_equal(critics.gradients(STATES, ACTIONS), before)


@pytest.mark.parametrize(("algorithm", "has"), [(SAC, (False, True)), (TD3, (True, False)), (DDPG, (True, False))])
def test_who_has_which(algorithm: Any, has: tuple[bool, bool]) -> None:
    found = own_critics(made(algorithm), 0.3)
    assert tuple(each is not None for each in found) == has
    assert {each.n_critics for each in found if each is not None} == {1 if algorithm is DDPG else 2}
