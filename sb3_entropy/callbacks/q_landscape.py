"""Look at soft and plain Q over the actions while an agent is trained (Zhang et al. 2025)."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import gymnasium as gym

from sb3_entropy.callbacks.looking import LookingCallback
from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_number, unknown
from sb3_entropy.landscape.q.asked import check_asked
from sb3_entropy.landscape.q.features import check_readable
from sb3_entropy.landscape.q.fitting import Fitting
from sb3_entropy.landscape.q.found import QLandscape
from sb3_entropy.landscape.q.making import has_own, subject_of_model
from sb3_entropy.landscape.q.planes import check_kind
from sb3_entropy.landscape.q.states import check_states
from sb3_entropy.landscape.q.surface import q_landscape


@dataclass(frozen=True)
class QLook:
    """
    What was found at one moment of the training.

    :param timesteps: steps of all environments so far
    :param found: the landscape
    """

    timesteps: int
    found: QLandscape


class QLandscapeCallback(LookingCallback):
    """
    Draws a :class:`~sb3_entropy.landscape.q.found.QLandscape` at the end of the first rollout after every ``every``
    steps, and after the last update. Its numbers are logged as ``q_landscape/gap``, …; TensorBoard gets the figure,
    where matplotlib is installed.

    SACAdaEnt has its own critics, of which nothing needs to be fitted. Of other algorithms critics are fitted to the
    replay buffer as it is then, anew at every look and with few updates: for a closer look at the agent in the end use
    ``sb3-entropy probe q-landscape``. Environments and generators are its own: the training remains what it would have
    been, bit for bit.

    :param every: steps of all environments between two looks
    :param states: ``"critical"``, ``"visited"``, or observations, as the policy sees them
    :param n_states: how many critical or visited states
    :param plane: of more than two actions ``"principal"``, ``"greedy"``, ``"random"``, or two coordinates, ``(0, 3)``
    :param resolution: points along each axis; 201 on a line and 41 on a plane if not given
    :param env: the environment, by its id or a function that makes one, in which episodes are played that the critics
        are not made from; None to look at states of the replay buffer
    :param env_kwargs: settings of the environment
    :param episodes: whose states are looked at
    :param refits: how many critics of each kind are fitted
    :param updates: steps of gradient descent of each
    :param seed: of all that is drawn
    :param at_start: whether to look before the first step of a training that starts from 0 too
    :param at_end: whether to look after the last update
    :param verbose: 1 prints what was found
    :param subject_kwargs: further arguments of :func:`~sb3_entropy.landscape.q.making.subject_of_model`, such as
        ``std`` or ``ent_coef``
    :raises TypeError: if a number is none, or an argument has no such name
    :raises ValueError: if a number is out of range or a name unknown; at the start of the training, if the actions are
        no bounded box, there is no such plane or environment, nothing to fit critics to, if these cannot read the
        observations, or if critical states are asked for of a deterministic policy

    :ivar history: what was found, in order; a training that starts from 0 steps starts it anew
    """

    def __init__(
        self,
        every: int = 10_000,
        states: Any = "critical",
        n_states: int = 4,
        plane: Any = "principal",
        resolution: int | None = None,
        *,
        env: str | Callable[[], gym.Env[Any, Any]] | None = None,
        env_kwargs: dict[str, Any] | None = None,
        episodes: int = 8,
        refits: int = 2,
        updates: int = 2_000,
        seed: int = 0,
        at_start: bool = False,
        at_end: bool = True,
        verbose: int = 0,
        **subject_kwargs: Any,
    ):
        super().__init__(every, at_start=at_start, at_end=at_end, verbose=verbose)
        check_states(states)
        check_kind(plane)
        check_number("n_states", n_states, low=1, integer=True)
        if resolution is not None:
            check_number("resolution", resolution, low=3, integer=True)
        check_number("episodes", episodes, low=1, integer=True)
        Fitting(refits=refits, updates=updates)  # raises what it has against them
        if not (env is None or isinstance(env, str) or callable(env)):
            raise TypeError(f"env must be an id or a function that makes an environment, but {env!r} was given.")
        known = signature(subject_of_model).parameters
        if strange := [name for name in subject_kwargs if name not in known]:
            raise TypeError(unknown("argument of QLandscapeCallback and subject_of_model", strange[0], known))
        self.looked_at: dict[str, Any] = {
            "states": states,
            "plane": plane,
            "resolution": resolution,
            "n_states": n_states,
        }
        self.seed = seed
        self.subject_kwargs = {
            "env": env,
            "env_kwargs": env_kwargs,
            "episodes": episodes,
            "refits": refits,
            "updates": updates,
            "seed": seed,
            **subject_kwargs,
        }
        self.history: list[QLook] = []

    def _init_callback(self) -> None:
        """What makes no sense is told before the training."""
        named = [self.subject_kwargs.get(name) for name in ("ent_coef", "std")]
        check_asked(self.model, **self.looked_at, ent_coef=named[0], std=named[1])
        if not has_own(self.model, self.subject_kwargs.get("own"), named[0]):
            check_readable(self.model.observation_space)
        if isinstance(env := self.subject_kwargs["env"], str):
            find_env(env)
        if self.subject_kwargs["env"] is None and not hasattr(self.model, "replay_buffer"):
            raise ValueError(
                f"{type(self.model).__name__} has no replay buffer that critics could be fitted to. Name the "
                "environment to play in: QLandscapeCallback(…, env='Pendulum-v1')."
            )

    def _look(self, timesteps: int) -> None:
        name = f"{type(self.model).__name__}, step {timesteps:,}"
        buffer = getattr(self.model, "replay_buffer", None)
        settings = {"name": name, "replay_buffer": buffer, **self.subject_kwargs}
        try:
            subject = subject_of_model(self.model, **settings)
            found = q_landscape(subject, seed=self.seed, **self.looked_at)
        except ValueError as error:  # a training of days does not end by what looks at it
            warnings.warn(f"The landscape of Q at step {timesteps:,} was given up: {error}", stacklevel=2)
            return
        self.history.append(QLook(timesteps, found))
        with self.row_of_its_own():
            for key, value in found.numbers().items():
                self.logger.record(f"q_landscape/{key}", value)
            if self.verbose:
                trust = [] if subject.calibration is None else subject.calibration.sentences()
                print(f"q_landscape after {timesteps:,} steps: {' '.join([*found.sentences(), *trust])}")
            if self.draws_figures():
                from sb3_entropy.plots.landscape.q_landscape import draw
                from sb3_entropy.plots.theme import LIGHT

                self.record_figure("q_landscape/surfaces", draw(found, LIGHT))

    def _close(self) -> None:
        """Nothing is kept open between looks."""
