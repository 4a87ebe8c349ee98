"""Logs in the format of the Open Bandit Pipeline (Saito, Aihara, Matsutani, Narita 2021), version 0.5."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.offline.checking import numeric
from sb3_entropy.offline.feedback import LoggedFeedback

REQUIRED = ("n_rounds", "n_actions", "context", "action", "reward", "pscore")


def to_obp(log: LoggedFeedback) -> dict[str, Any]:
    """
    The log as ``bandit_feedback``, which the Open Bandit Pipeline's ``OffPolicyEvaluation`` and learners take.

    Its contexts are vectors: others are flattened, and their shape is kept under the key ``context_shape``, which the
    pipeline ignores, as it does ``policy``, ``epsilon`` and ``support``. Actions get one-hot vectors as
    ``action_context``. What is not known, ``pi_b`` or ``expected_reward``, has no key, as in the pipeline's own data.

    :param log: the log
    :return: ``n_rounds``, ``n_actions``, ``context`` (n, d), ``action_context`` (A, A), ``action`` (n,), ``position``
        (None: there is one), ``reward`` (n,), ``pscore`` (n,); if known ``expected_reward`` (n, A), ``pi_b`` (n, A, 1)
    """
    feedback: dict[str, Any] = {
        "n_rounds": len(log),
        "n_actions": log.n_actions,
        "context": log.contexts.reshape(len(log), -1),
        "action_context": np.eye(log.n_actions, dtype=np.int64),
        "action": log.actions,
        "position": None,
        "reward": log.rewards,
        "pscore": log.propensities,
        "context_shape": log.contexts.shape[1:],
    }
    if log.mean_rewards is not None:
        feedback["expected_reward"] = log.mean_rewards
    if log.behaviour is not None:
        feedback["pi_b"] = log.behaviour[:, :, None]
    if log.policy is not None:
        feedback["policy"] = log.policy
    if log.epsilon or log.support is not None:
        feedback |= {"epsilon": log.epsilon, "support": log.support}
    return feedback


def from_obp(feedback: Mapping[str, Any]) -> LoggedFeedback:
    """
    A log from ``bandit_feedback`` of the Open Bandit Pipeline, or from what :func:`to_obp` has made.

    ``action_context`` is not used: a log has no features of actions.

    :param feedback: at least ``n_rounds``, ``n_actions``, ``context``, ``action``, ``reward`` and ``pscore``
    :return: the log
    :raises TypeError: if an entry has the wrong type
    :raises ValueError: if a key is missing, there is more than one position, or an entry does not fit
    """
    if missing := [key for key in REQUIRED if feedback.get(key) is None]:
        raise ValueError(
            f"The bandit feedback has no {', '.join(missing)}. A log needs {', '.join(REQUIRED)}; it has "
            f"{', '.join(sorted(map(str, feedback))) or 'nothing'}."
        )
    check_number("n_rounds", feedback["n_rounds"], low=1, integer=True)
    n, context = feedback["n_rounds"], numeric("context", feedback["context"])
    if len(context) != n:
        raise ValueError(f"n_rounds is {n}, but context has {len(context)} rows. Give the number of rounds there are.")
    shape = feedback.get("context_shape")
    return LoggedFeedback(
        contexts=context if shape is None else context.reshape(n, *shape),
        actions=feedback["action"],
        rewards=feedback["reward"],
        propensities=feedback["pscore"],
        n_actions=feedback["n_actions"],
        behaviour=_of_one_position(feedback),
        mean_rewards=feedback.get("expected_reward"),
        policy=feedback.get("policy"),
        epsilon=feedback.get("epsilon", 0.0),
        support=feedback.get("support"),
    )


def _of_one_position(feedback: Mapping[str, Any]) -> np.ndarray | None:
    """:return: ``pi_b`` without its axis of positions, shape (n, A)"""
    position, pi_b = feedback.get("position"), feedback.get("pi_b")
    behaviour = None if pi_b is None else numeric("pi_b", pi_b)
    n_positions = {
        "position": 1 if position is None else len(np.unique(position)),
        "pi_b": 1 if behaviour is None or behaviour.ndim < 3 else behaviour.shape[2],
    }
    for key, count in n_positions.items():
        if count > 1:
            raise ValueError(
                f"{key} has {count} positions, and a log has one action a round (len_list 1). Select the rounds of one "
                "position first, and its slice of pi_b."
            )
    return behaviour if behaviour is None or behaviour.ndim < 3 else behaviour[:, :, 0]
