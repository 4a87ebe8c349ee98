"""The process behind a Gymnasium environment: from its table of transitions, or from itself."""

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.environments import find_env
from sb3_entropy.mdp.tabular import Array, TabularMDP


def fields_of(
    env: Any, gamma: float | ArrayLike | None, rho: ArrayLike | None, terminal_entropy: bool | None
) -> dict[str, Any]:
    """
    :param env: an environment of Gymnasium, or its id
    :param gamma: the discount, or ``None`` for the environment's own
    :param rho: the distribution of the first state, or ``None`` for the environment's own
    :param terminal_entropy: whether entropy is counted in absorbing states, or ``None`` for the environment's own
    :return: the fields of its process
    :raises ValueError: if the environment has no table, or a field that is needed is not known
    """
    if isinstance(env, str):
        import gymnasium as gym

        env = gym.make(find_env(env))
    inner = getattr(env, "unwrapped", env)
    if callable(getattr(inner, "to_mdp", None)):
        mdp = inner.to_mdp()
        if not isinstance(mdp, TabularMDP):
            raise TypeError(f"to_mdp() of {inner!r} must return a TabularMDP, but it returned {mdp!r}.")
        found = {field.name: getattr(mdp, field.name) for field in fields(mdp)}
    elif isinstance(getattr(inner, "P", None), dict):
        P, R = arrays(inner.P)
        found = {"P": P, "R": R, "rho": getattr(inner, "initial_state_distrib", None), "gamma": None}
    else:
        raise ValueError(
            f"{inner!r} has neither a method to_mdp() nor a table P of transitions, P[s][a] = [(probability, next "
            "state, reward, terminated), …], as FrozenLake has. Make the process from its arrays: TabularMDP(P, R, "
            "rho, gamma)."
        )
    given = {"gamma": gamma, "rho": rho, "terminal_entropy": terminal_entropy}
    found.update({name: value for name, value in given.items() if value is not None})
    for name in ("gamma", "rho"):
        if found[name] is None:
            raise ValueError(f"{inner!r} does not say what {name} is. Give it: TabularMDP.from_env(env, {name}=…).")
    rho, S = np.asarray(found["rho"]), len(found["R"])
    if rho.shape == (S - 1,):  # of the environment's own states: no episode begins in the added one
        found["rho"] = np.append(rho, 0.0)
    return found


def arrays(table: dict[int, Any]) -> tuple[Array, Array]:
    """
    Transitions that terminate lead into an added state, the last, which is absorbing.

    :param table: ``table[s][a]`` = [(probability, next state, reward, terminated), …]; what stands twice adds up
    :return: P, shape (S, A, S), and R, shape (S, A), with S one more than the states of the table
    :raises ValueError: if states and actions are not numbered from 0 on, or states have different numbers of actions,
        or an entry has another form
    """
    n, A = len(table), len(next(iter(table.values()), ()))
    P, R = np.zeros((n + 1, A, n + 1)), np.zeros((n + 1, A))
    P[n, :, n] = 1.0
    for s in range(n):
        if s not in table or len(table[s]) != A:
            raise ValueError(
                f"The table of transitions must have states 0 to {n - 1} with {A} actions each, but state {s} has "
                f"{len(table[s]) if s in table else 'no entry'}. Make the process from its arrays, with −∞ in "
                "log_measure for actions that are absent."
            )
        for a in range(A):
            try:
                for probability, arrival, reward, terminated in table[s][a]:
                    if not 0 <= arrival < n:
                        raise IndexError(f"there is no state {arrival}")
                    P[s, a, n if terminated else arrival] += probability
                    R[s, a] += probability * reward
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise ValueError(
                    f"The table of transitions must have a list of (probability, next state, reward, terminated) for "
                    f"state {s} and action {a}, but {error!r} was raised in reading it."
                ) from error
    return P, R
