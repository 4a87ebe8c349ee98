"""``sb3-entropy probe``: what the landscape of the return, or of Q, is like around an agent."""

import shlex
import warnings
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.cli.episodes import EpisodeProgress
from sb3_entropy.cli.lookers import looker_of
from sb3_entropy.cli.probe_cost import Cost, cost_of
from sb3_entropy.cli.probe_options import Q_PROBES, folder_name, named_probe, parser_of, probe_of
from sb3_entropy.engines import Engine, make_engine
from sb3_entropy.environments import import_packages, package_of
from sb3_entropy.landscape.objectives.base import Conditions
from sb3_entropy.landscape.objectives.rollout import RolloutObjective
from sb3_entropy.landscape.probes.base import Probe
from sb3_entropy.landscape.probes.spectrum import Spectrum
from sb3_entropy.policies.parameters import ParameterVector
from sb3_entropy.store import Store
from sb3_entropy.zoo.looking import Looker, steps_of


def run_probe(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line: a probe's name and its options
    :return: 0
    :raises ValueError: if the probe, the agent or an option is wrong; before anything is evaluated
    """
    with warnings.catch_warnings():
        # Gymnasium's, of spaces of environments that the user has not written.
        warnings.filterwarnings("ignore", message=".*precision lowered by casting", category=UserWarning)
        given = named_probe(arguments)
        if given in Q_PROBES:
            rest = [*arguments]
            rest.remove(given)
            return int(import_module(Q_PROBES[given][0]).run(rest))
        return _probe(parser_of(arguments).parse_args(arguments), arguments)


def _probe(parsed: Namespace, arguments: Sequence[str]) -> int:
    probe = probe_of(parsed)
    conditions = conditions_of(parsed)
    import_packages([*parsed.gym_packages, *(package_of(parsed.env) if parsed.env else ())])
    lookers = _lookers(parsed)
    if parsed.key == "interpolate":
        interpolation: Any = probe
        lookers, probe = lookers[:1], replace(interpolation, other=_other(*lookers))
    elif parsed.key == "plane" and len(parsed.agents) > 1:
        plane: Any = probe
        start = np.asarray(ParameterVector(lookers[0].model.policy).get().double().cpu().numpy())
        u, v = (_other(lookers[0], each) - start for each in lookers[1:])
        lookers, probe = lookers[:1], replace(plane, first=u, second=v)
    with make_engine(parsed.engine, parsed.workers) as engine:
        objectives = {
            (index, name): objective.under(condition)
            for index, objective in enumerate(_objectives(lookers, parsed, engine))
            for name, condition in conditions.items()
        }
        first = next(iter(objectives.values()))
        if isinstance(probe, Spectrum):
            probe.check(first)
        parsed.store.parent.mkdir(parents=True, exist_ok=True)
        with Store(parsed.store) as store:
            asked = ((name, vars(parsed).get(name)) for name in ("half_width", "effect"))
            wanted = {name: value for name, value in asked if value is not None}
            by_name = {name: each for (_, name), each in objectives.items()}
            cost = cost_of(probe, by_name, len(objectives), store, wanted)
            subject = _subject(parsed, lookers)
            print(f"{parsed.key} of {subject}: {first.n_parameters} parameters, {_counted(len(conditions))}.")
            print("\n".join(cost.sentences), flush=True)
            if parsed.dry_run:
                return 0
            try:
                founds = _run(probe, objectives, store, cost, parsed.key)
            except KeyboardInterrupt:
                print(f"\nWhat is evaluated is kept in {parsed.store}: the same command goes on from there.")
                raise
    return _write(parsed, arguments, lookers, founds, cost, subject)


def conditions_of(parsed: Namespace) -> dict[str, Conditions]:
    """
    :param parsed: the command line's, with lists ``std``, ``ent_coef`` and ``mix``
    :return: every combination, by a name that says what is not as the policy has it
    :raises ValueError: if a number is out of range, or one is given twice
    """
    found: dict[str, Conditions] = {}
    for std, ent_coef, mix in product(parsed.std, parsed.ent_coef, parsed.mix):
        parts = []
        if len(parsed.std) > 1 or std is not None:
            parts.append("own σ" if std is None else f"σ = {std:g}")
        parts += [f"τ = {ent_coef:g}"] if len(parsed.ent_coef) > 1 or ent_coef else []
        parts += [f"m = {mix:g}"] if len(parsed.mix) > 1 or mix else []
        name = ", ".join(parts)
        if name in found:
            raise ValueError(f"The condition {name} was given twice. Give each once.")
        found[name] = Conditions(std=std, ent_coef=ent_coef, mix=mix)
    return found


def _counted(n_conditions: int) -> str:
    return "1 condition" if n_conditions == 1 else f"{n_conditions} conditions"


def _lookers(parsed: Namespace) -> list[Looker]:
    """One for each run and ``--at``; of an interpolation the two solutions."""
    places = _places(parsed)
    if parsed.key == "interpolate":
        if len(places) > 2:
            raise ValueError(f"A line has two ends, but --at names {len(places)} agents. Give one for both, or two.")
        return [looker_of(target, which, parsed) for target, which in zip(parsed.agents, places * 2, strict=False)]
    if parsed.key == "plane" and len(parsed.agents) > 1:
        if len(parsed.agents) != 3 or len(places) > 1:
            raise ValueError(
                f"A plane goes through one agent, or through three, each at one place, but {len(parsed.agents)} agents "
                f"and {len(places)} places were given."
            )
        return [looker_of(target, places[0], parsed) for target in parsed.agents]
    return [looker_of(parsed.agents[0], which, parsed) for which in places]


def _places(parsed: Namespace) -> list[str | int]:
    given: list[str] = parsed.at
    if "all" in given:
        if len(given) > 1 or parsed.agents[0].suffix == ".zip":
            raise ValueError("--at all means every checkpoint of a run's folder, and stands alone.")
        return list(steps_of(parsed.agents[0], parsed.trust))
    if len(set(given)) < len(given):
        raise ValueError(f"--at {' '.join(given)} names an agent twice. Name each once.")
    return [int(which) if which.isdigit() else which for which in given]


def _other(start: Looker, end: Looker) -> np.ndarray:
    """:return: θ₁, if it is of the same policy"""
    shapes = [{name: tuple(p.shape) for name, p in each.model.policy.named_parameters()} for each in (start, end)]
    if shapes[0] != shapes[1]:
        odd = sorted(name for name in shapes[0].keys() | shapes[1].keys() if shapes[0].get(name) != shapes[1].get(name))
        raise ValueError(
            f"{start.file} and {end.file} are no two solutions of one policy: {', '.join(odd[:4])} differ. Train them "
            "with the same policy_kwargs in the same environment."
        )
    if start.env != end.env or not _alike(start.normalize, end.normalize):
        print(f"{end.file} is looked at as {start.file}: in {start.env}, under its statistics of observations.")
    return np.asarray(ParameterVector(end.model.policy).get().double().cpu().numpy())


def _alike(one: VecNormalize | None, other: VecNormalize | None) -> bool:
    if one is None or other is None:
        return one is other
    held: list[Any] = [each.obs_rms if each.norm_obs else None for each in (one, other)]
    return all(np.array_equal(a, b) for a, b in zip(_arrays(held[0]), _arrays(held[1]), strict=False))


def _arrays(rms: Any) -> list[Any]:
    if rms is None:
        return [None]
    return [part for each in (rms.values() if isinstance(rms, dict) else [rms]) for part in (each.mean, each.var)]


def _objectives(lookers: Sequence[Looker], parsed: Namespace, engine: Engine) -> list[RolloutObjective]:
    options = {
        "backend": parsed.backend,
        "gamma": parsed.gamma,
        "max_steps": parsed.max_steps,
        "seed": parsed.episode_seed,
        # Here at once, envpool's threads are at work.
        "engine": None if parsed.engine == "serial" else engine,
    }
    return [looker.objective(**options) for looker in lookers]


def _subject(parsed: Namespace, lookers: Sequence[Looker]) -> str:
    if len(parsed.agents) > 1:
        return " and ".join(str(target) for target in parsed.agents)
    at = "" if parsed.agents[0].is_file() else f", {' '.join(parsed.at)}"
    steps = ", ".join(f"{looker.step:,}" for looker in lookers[:6])
    return f"{parsed.agents[0]}{at} (step {steps}{', …' if len(lookers) > 6 else ''}) in {lookers[0].env}"


def _run(
    probe: Probe, objectives: dict[tuple[int, str], RolloutObjective], store: Store, cost: Cost, key: str
) -> dict[tuple[int, str], Any]:
    """:return: what was found, by agent and condition, one after the other in the same directions and episodes"""
    founds: dict[tuple[int, str], Any] = {}
    with EpisodeProgress(key, cost.episodes) as progress:
        for place, objective in objectives.items():
            before = len(founds) * cost.each
            founds[place] = probe.run(objective, store, lambda done, _, before=before: progress.watch(before + done))  # type: ignore[misc]
    return founds


def _write(
    parsed: Namespace,
    arguments: Sequence[str],
    lookers: Sequence[Looker],
    founds: dict[tuple[int, str], Any],
    cost: Cost,
    subject: str,
) -> int:
    from sb3_entropy.reports.landscape import Looked, write_probe_page

    looked = [Looked(found, name, lookers[index].step) for (index, name), found in founds.items()]
    for one in looked:
        title = ", ".join(filter(None, [one.condition, f"step {one.step:,}" if len(lookers) > 1 else ""]))
        print("\n".join([f"{title}:"] * bool(title) + [f"  {sentence}" for sentence in one.found.sentences()]))
    page = write_probe_page(
        looked,
        parsed.folder / folder_name(parsed.key, parsed.agents, parsed.at),
        subject=subject,
        plan=cost.sentences,
        command=shlex.join(["sb3-entropy", "probe", *arguments]),
        episodes=cost.episodes,
    )
    print(f"Report: {page}")
    return 0
