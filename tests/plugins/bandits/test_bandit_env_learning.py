"""Agents learn the bandits, natively."""

from typing import Any

import numpy as np
import pytest
import torch
from bandit_examples import DIGITS
from stable_baselines3 import A2C, PPO

from sb3_entropy import SPPO
from sb3_entropy.vec_env.native import make_native_vec_env


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def accuracy(model: Any, batch: Any) -> float:
    """:return: the share of test contexts in which the most likely action is a best one"""
    ((observations, rewards),) = batch.env_method("evaluation_set", indices=0)
    actions, _ = model.predict(observations, deterministic=True)
    return float((rewards[np.arange(len(actions)), actions] == rewards.max(axis=1)).mean())


@pytest.mark.parametrize("algorithm", [pytest.param(PPO, marks=pytest.mark.slow), SPPO])
def test_digits_are_learnt(algorithm: Any) -> None:
    batch = make_native_vec_env(DIGITS, 100, seed=0)
    settings = {"n_steps": 5, "batch_size": 100, "n_epochs": 4, "learning_rate": 2e-3, "ent_coef": 0.02}
    model = algorithm("MlpPolicy", batch, seed=0, device="cpu", **settings)
    before = accuracy(model, batch)
    model.learn(15_000)
    assert batch.get_attr("contexts_served", indices=0) == [150]
    assert before < 0.3
    assert accuracy(model, batch) > 0.7
    assert sum(batch.get_attr("cumulative_regret")) < 15_000 * 0.8  # chance has a regret of 1 a context


def test_a_convolutional_policy_sees_the_images() -> None:
    batch = make_native_vec_env(DIGITS, 8, seed=0, observation="image")
    model = A2C("CnnPolicy", batch, n_steps=5, seed=0, device="cpu").learn(80)
    assert 0.0 <= accuracy(model, batch) <= 1.0
