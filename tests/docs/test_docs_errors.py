"""What the page of errors says that messages begin with, compared with the messages."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch as th
from doc_blocks import REPOSITORY
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy

from sb3_entropy import SPPO, DivergenceRegPG
from sb3_entropy.callbacks import ActionDiversityCallback
from sb3_entropy.distributions.laws import Finite, uniform_law
from sb3_entropy.offline import LoggedFeedback
from sb3_entropy.policies.laws import law_at
from sb3_entropy.regularizers.regularizer import Penalty, Regularizer

BANDIT = "entropy/DigitsBandit-v0"
UNBOUNDED = spaces.Box(-np.inf, np.inf, (1,))


def sppo(env: Any, **arguments: Any) -> SPPO:
    return SPPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu", **arguments)


def regularized(env: Any, **arguments: Any) -> DivergenceRegPG:
    return DivergenceRegPG("MlpPolicy", env, device="cpu", **arguments)


def infinite_divergence() -> None:
    p, q = (Finite((th.tensor([row]).log(),)) for row in ([0.5, 0.5], [1.0, 0.0]))
    Penalty(Regularizer("kl", reference="previous"), [(1.0, q)])(p, th.zeros(()), 1.0, lambda _: 0.0)


class RandomPolicy(BasePolicy):
    """Goes by nothing."""

    def _predict(self, observation: Any, deterministic: bool = False) -> th.Tensor:
        return th.rand(len(observation), 1)


def no_propensity() -> None:
    ones = np.ones(20)
    LoggedFeedback(ones[:, None], np.zeros(20, int), ones, np.where(np.arange(20) == 17, 0.0, 0.5), n_actions=2)


MESSAGES: dict[str, Callable[[], Any]] = {
    "Unknown environment 'Pendulun-v1'.": lambda: sppo("Pendulun-v1"),
    "target_entropy=2 cannot be reached:": lambda: sppo("CartPole-v1", ent_coef="auto", target_entropy=2),
    "The entropy of TanhGaussianDistribution has no": lambda: sppo(
        "Pendulum-v1", policy_kwargs={"action_distribution": "tanh_gaussian"}
    ),
    "std_scheme='local' has no effect with": lambda: sppo(
        "Pendulum-v1", policy_kwargs={"std_scheme": "local", "action_distribution": "beta"}
    ),
    "std_scheme in policy_kwargs cannot be used": lambda: sppo("CartPole-v1", policy_kwargs={"std_scheme": "local"}),
    "Unknown divergence 'helinger'.": lambda: regularized("CartPole-v1", divergence="helinger"),
    "The divergence 'kl' is infinite between p,": lambda: regularized("Pendulum-v1"),
    "The divergence 'jensen_shannon' has no closed": lambda: regularized("Pendulum-v1", divergence="jensen_shannon"),
    "The divergence 'kl' has no closed form": lambda: regularized(
        "Pendulum-v1", reference="previous", reference_kwargs={"n_snapshots": 3}
    ),
    "mode='repel' with divergence='kl',": lambda: regularized("CartPole-v1", mode="repel"),
    "coef='auto' tunes λ to a divergence:": lambda: regularized("CartPole-v1", coef="auto"),
    "The divergence kl_previous is inf": infinite_divergence,
    "There is no uniform distribution over Box(": lambda: uniform_law(
        spaces.Box(-np.inf, np.inf, (1,)), 1, th.zeros(1)
    ),
    "reference='frozen' needs the option 'policy'": lambda: regularized("CartPole-v1", reference="frozen"),
    "The frozen reference has the action space": lambda: regularized(
        BANDIT, reference="frozen", reference_kwargs={"policy": sppo("CartPole-v1")}
    ),
    "No data folder is given to look for": lambda: regularized("entropy/MNISTBandit-v0"),
    "ActionDiversityCallback needs an environment": lambda: sppo("CartPole-v1").learn(
        8, callback=ActionDiversityCallback()
    ),
    "The policy must act by the observation alone,": lambda: law_at(RandomPolicy(UNBOUNDED, UNBOUNDED), None),
    "propensities must lie in (0, 1],": no_propensity,
}


def beginnings() -> list[str]:
    """:return: the first cells of the page's table"""
    lines = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8").splitlines()
    cells = [line.split("|")[1].strip() for line in lines if line.startswith("| `")]
    return [cell.strip("`") for cell in cells]


@pytest.mark.parametrize("beginning", MESSAGES)
def test_messages_begin_as_the_page_says(beginning: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SB3_ENTROPY_DATA", raising=False)
    assert beginning in beginnings()
    with pytest.raises((TypeError, ValueError, FileNotFoundError)) as caught:
        MESSAGES[beginning]()
    message = re.sub(r"^The regulariser \w+ cannot be used here: ", "", str(caught.value))
    assert message.startswith(beginning)


def test_a_regularisers_place_in_the_list_or_its_name_comes_first() -> None:
    with pytest.raises(
        ValueError, match=r"^The regulariser kl_uniform cannot be used here: The divergence 'kl' is infinite"
    ):
        regularized("Pendulum-v1")
    with pytest.raises(ValueError, match=r"^regularizers\[1\]: mode='repel' with divergence='kl', which has no bound,"):
        sppo("CartPole-v1", regularizers=[{"divergence": "kl"}, {"divergence": "kl", "mode": "repel"}])
