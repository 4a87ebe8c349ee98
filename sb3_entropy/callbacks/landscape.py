"""Look at the landscape around θ while a policy is trained, whoever's algorithm it is."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import gymnasium as gym

from sb3_entropy.callbacks.looking import LookingCallback
from sb3_entropy.errors import unknown
from sb3_entropy.landscape.objectives.base import Conditions, NotFiniteError
from sb3_entropy.landscape.objectives.rollout import RolloutObjective
from sb3_entropy.landscape.probes.base import Found, Probe
from sb3_entropy.landscape.probes.curvature import ImprovementCurvature
from sb3_entropy.landscape.probes.perturbations import Perturbations
from sb3_entropy.store import Store, StoreError

#: wrappers of Gymnasium's own and Stable-Baselines3's that change neither observations, actions nor rewards
HARMLESS = frozenset({"Monitor", "TimeLimit", "PassiveEnvChecker", "OrderEnforcing", "RecordEpisodeStatistics"})


@dataclass(frozen=True)
class Look:
    """
    What was found at one moment of the training, under one condition.

    :param timesteps: steps of all environments so far
    :param conditions: under which
    :param found: what was found
    """

    timesteps: int
    conditions: Conditions
    found: Found


class LandscapeProbeCallback(LookingCallback):
    """
    Runs a probe at the end of the first rollout after every ``every`` steps, and after the last update: at θ of the
    policy that has collected the rollout. Its figures are logged as ``landscape/improving``; under several conditions
    each has a group of its own, as ``landscape[std=0]/improving``. TensorBoard gets a figure too, of (Δ⁺, Δ⁻) or of the
    curvature over the training, where matplotlib is installed.

    Environments and generators are its own, and are made once: the training remains what it would have been, bit for
    bit. Directions and episodes are the same at every look, so that what changes is θ.

    :param every: steps of all environments between two looks
    :param directions: K random directions
    :param episodes: n at each of θ ± αd
    :param alpha: the step α
    :param probe: another probe, instead of random perturbations; ``"curvature"`` for the curvature along the direction
        of improvement (Ahmed et al. 2019, Fig. 6)
    :param conditions: under what to look, or several, in a YAML as mappings, ``[{std: 0}, {std: 1}]``; the policy's own
        if not given
    :param env: an id, or a function that makes an environment; None for the training's, where it has an id
    :param env_kwargs: settings of the environment
    :param seed: of directions and episodes
    :param store: a file in which every evaluation is kept, see :class:`~sb3_entropy.landscape.evaluating.Evaluator`
    :param at_start: whether to look before the first step of a training that starts from 0 too
    :param at_end: whether to look after the last update
    :param verbose: 1 prints what was found
    :param objective_kwargs: further arguments of :class:`~sb3_entropy.landscape.RolloutObjective`
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of range; at the start of the training, if nobody knows the environment's id, or
        it does not fit

    :ivar history: what was found, in order; a training that starts from 0 steps starts it anew
    """

    def __init__(
        self,
        every: int = 100_000,
        directions: int = 100,
        episodes: int = 16,
        alpha: float = 0.1,
        *,
        probe: Probe | str | None = None,
        conditions: Conditions | Sequence[Conditions | Mapping[str, Any]] = (),
        env: str | Callable[[], gym.Env[Any, Any]] | None = None,
        env_kwargs: dict[str, Any] | None = None,
        seed: int = 0,
        store: str | Path | None = None,
        at_start: bool = False,
        at_end: bool = True,
        verbose: int = 0,
        **objective_kwargs: Any,
    ):
        super().__init__(every, at_start=at_start, at_end=at_end, verbose=verbose)
        self.probe = _probe(probe, directions, alpha, episodes, seed)
        self.conditions = _conditions(conditions)
        known = signature(RolloutObjective).parameters
        if strange := [name for name in objective_kwargs if name not in known]:
            raise TypeError(unknown("argument of LandscapeProbeCallback and RolloutObjective", strange[0], known))
        self.env, self.env_kwargs, self.seed = env, env_kwargs, seed
        self.store = store
        self.objective_kwargs = objective_kwargs
        self.history: list[Look] = []
        self._objective: RolloutObjective | None = None

    def _init_callback(self) -> None:
        self._close()
        settings = {"env": self.env, "env_kwargs": self.env_kwargs} if self.env is not None else self._found_env()
        self._objective = RolloutObjective(self.model, **{"seed": self.seed, **settings, **self.objective_kwargs})
        if self.store is not None:
            self._objective.check_can_be_kept()
        for conditions in self.conditions:  # what makes no sense is told before the training
            self._objective.under(conditions)

    def _found_env(self) -> dict[str, Any]:
        """:return: the training's environment: its id, settings and time limit"""
        vec_env = self.model.get_env()
        spec = vec_env.get_attr("spec")[0] if vec_env is not None and vec_env.has_attr("spec") else None
        advice = "Give one, or a function that makes one: LandscapeProbeCallback(…, env='Hopper-v5')."
        if spec is None:
            raise ValueError(
                "The training's environment has no id, from which environments of the probe's own could be made. "
                f"{advice}"
            )
        wrappers = [wrapper.name for wrapper in spec.additional_wrappers if wrapper.name not in HARMLESS]
        if wrappers:
            raise ValueError(
                f"The training's environment {spec.id} is wrapped by {', '.join(wrappers)}, without which it would be "
                f"another one. {advice}"
            )
        own = {key: value for key, value in spec.kwargs.items() if key not in ("render_mode", "max_episode_steps")}
        kwargs = own if self.env_kwargs is None else self.env_kwargs
        return {"env": str(spec.id), "env_kwargs": kwargs or None, "max_steps": spec.max_episode_steps}

    def _look(self, timesteps: int) -> None:
        if self._objective is None:
            return
        try:
            looks = self._looks(self._objective.of(self.model), timesteps)
        except (NotFiniteError, StoreError) as error:  # a training of days does not end by what looks at it
            warnings.warn(f"The probe of the landscape at step {timesteps:,} was given up: {error}", stacklevel=2)
            return
        self.history += looks
        with self.row_of_its_own():
            for look in looks:
                self._record(look.conditions, look.found)
            if self.draws_figures():
                self._draw_figure()

    def _close(self) -> None:
        if self._objective is not None:
            self._objective.close()
            self._objective = None

    def _looks(self, here: RolloutObjective, timesteps: int) -> list[Look]:
        store = None if self.store is None else Store(self.store)
        try:
            return [
                Look(timesteps, conditions, self.probe.run(here.under(conditions), store))
                for conditions in self.conditions
            ]
        finally:
            if store is not None:
                store.close()

    def _record(self, conditions: Conditions, found: Found) -> None:
        group = f"landscape[{_words(conditions)}]" if len(self.conditions) > 1 else "landscape"
        for name, value in found.numbers().items():
            self.logger.record(f"{group}/{name}", value)
        if self.verbose:
            print(f"{group} after {self.model.num_timesteps:,} steps: {' '.join(found.sentences())}")

    def _draw_figure(self) -> None:
        from sb3_entropy.plots.landscape import curvature, perturbations
        from sb3_entropy.plots.theme import LIGHT

        now = {_words(look.conditions): look.found for look in self.history[-len(self.conditions) :]}
        figure = None
        if isinstance(self.probe, Perturbations):
            figure = perturbations.scatter(now, LIGHT)  # type: ignore[arg-type]
        elif isinstance(self.probe, ImprovementCurvature):
            traces: dict[str, dict[int, Any]] = {name: {} for name in now}
            for look in self.history:
                traces[_words(look.conditions)][look.timesteps] = look.found
            figure = curvature.draw(traces, LIGHT)
        if figure is not None:
            self.record_figure(f"landscape/{self.probe.key}", figure)


def _probe(given: Probe | str | None, directions: int, alpha: float, episodes: int, seed: int) -> Probe:
    perturbations = Perturbations(directions, alpha, episodes, seed)
    if given is None or given == "perturbations":
        return perturbations
    if given == "curvature":
        return ImprovementCurvature(directions, alpha, episodes, seed=seed)
    if not isinstance(given, Probe):
        raise TypeError(f"probe must be a probe, 'perturbations' or 'curvature', but {given!r} was given.")
    return given


def _conditions(given: Any) -> tuple[Conditions, ...]:
    several = [given] if isinstance(given, (Conditions, Mapping)) else list(given)
    names = Conditions.__dataclass_fields__
    for one in several:
        if not isinstance(one, (Conditions, Mapping)):
            raise TypeError(
                f"conditions must be Conditions(…) or mappings such as {{'std': 0}}, but {one!r} was given."
            )
        if isinstance(one, Mapping) and (strange := [name for name in one if name not in names]):
            raise ValueError(unknown("condition", strange[0], names))
    return tuple(one if isinstance(one, Conditions) else Conditions(**one) for one in several) or (Conditions(),)


def _words(conditions: Conditions) -> str:
    """:return: what differs from a policy as it is"""
    plain = Conditions()
    told = [f"{name}={value:g}" for name, value in vars(conditions).items() if value != getattr(plain, name)]
    return ", ".join(told) or "own"
