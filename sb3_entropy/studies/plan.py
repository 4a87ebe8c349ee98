"""From a study to its runs: arms × swept values × environments × seeds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sb3_entropy.environments import package_of
from sb3_entropy.errors import unknown
from sb3_entropy.registry import JOBS
from sb3_entropy.studies.criteria import Selection
from sb3_entropy.studies.identity import run_id
from sb3_entropy.studies.jobs import Cell, Job
from sb3_entropy.studies.spec import Arm, Study
from sb3_entropy.studies.variants import Variant, selected, variants

#: a variant's label and an environment
Place = tuple[str, str]


@dataclass(frozen=True)
class PlannedRun:
    """
    A run before it is done.

    :param variant: what is done
    :param environment: on what
    :param seed: the seed's number in the study
    :param definition: plain data that determine the run's numbers
    :param run_id: the definition's hash
    :param inputs: the runs whose files it needs, by the setting that names their arm
    :param keep: files of it that are needed, or that the study's YAML wants to be kept
    :param length: its steps, by which progress is told
    """

    variant: Variant
    environment: str
    seed: int
    definition: dict[str, Any]
    run_id: str
    inputs: Mapping[str, str]
    keep: tuple[str, ...]
    length: int

    @property
    def job(self) -> type[Job]:
        """:return: its kind"""
        return job_of(self.variant.arm)

    @property
    def place(self) -> Place:
        """:return: what it has in common with runs of other seeds"""
        return self.variant.label, self.environment


def job_of(arm: Arm) -> type[Job]:
    """
    :param arm: an arm
    :return: the kind of its runs
    """
    found: type[Job] = JOBS.get(arm.job)
    return found


@dataclass(frozen=True)
class Plan:
    """
    What a study comes to. Each part is worked out once, when it is first asked for: the variants of any study, what is
    asked for of one whose presets are there, and the runs of one whose environments are there too.

    :param study: the study
    """

    study: Study

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """:return: its arms with every combination of swept values"""
        return variants(self.study)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """:return: every variant in every environment; a run is one of them and a seed"""
        environments = self.study.environments.values()
        return tuple(Cell(self.study, variant, each) for each in environments for variant in self.variants)

    @cached_property
    def n_runs(self) -> int:
        """:return: how many runs the study has"""
        return len(self.cells) * len(self.study.seeds)

    def inputs_of(self, variant: Variant) -> dict[str, Variant]:
        """
        :param variant: one of the study's variants
        :return: those whose runs it needs, by the setting that names their arm. Where that names several variants, it
            is the one that has the same values of what both sweep
        :raises ValueError: if none or several of them are meant, or their kind does not keep what is needed
        """
        return {key: self._input(variant, key, names) for key, names in job_of(variant.arm).needs.items()}

    def choosing(self, variant: Variant) -> dict[str, Any]:
        """
        :param variant: one of the study's variants
        :return: its swept values that are no settings of its kind, and choose among the variants of the arms it needs
        """
        own = type(variant.arm).keys_and_meanings()
        return {name: value for name, value in variant.settings.items() if name not in own}

    def _input(self, variant: Variant, key: str, names: tuple[str, ...]) -> Variant:
        above = list(self.study.arms)[: list(self.study.arms).index(variant.arm.name)]
        asked: Selection = getattr(job_of(variant.arm)().settings_of(variant), key)
        if asked.arm not in above:
            raise ValueError(f"{key}: {unknown('arm above it', asked.arm, above)}")
        found = selected(self.variants, Selection(arm=asked.arm, **{**self.choosing(variant), **asked.settings}))
        if len(found) != 1:
            known = ", ".join(each.label for each in self.variants if each.arm.name == asked.arm)
            chosen = ", ".join(each.label for each in found) or "none"
            raise ValueError(
                f"{key}: one of the variants of {asked.arm} is needed, but {chosen} is meant. It has: {known}. Give "
                f"{key} as a mapping with arm and values of what that sweeps, or sweep the same here."
            )
        if absent := sorted(set(names) - set(job_of(found[0].arm).keeps)):
            raise ValueError(
                f"{key}: {', '.join(absent)} is needed, and the runs of {asked.arm}, of the kind {found[0].arm.job}, "
                f"keep {', '.join(job_of(found[0].arm).keeps) or 'nothing'}. Name another arm."
            )
        return found[0]

    @cached_property
    def inputs(self) -> dict[str, dict[str, str]]:
        """
        :return: by variant's label the labels of those whose runs it needs, by the setting that names their arm
        :raises ValueError: as :meth:`inputs_of`
        """
        return {each.label: {key: of.label for key, of in self.inputs_of(each).items()} for each in self.variants}

    @cached_property
    def kept(self) -> dict[str, tuple[str, ...]]:
        """:return: by variant's label the files of its runs that are needed, or that the study's YAML wants kept"""
        kept = {variant.label: set(variant.arm.keep) for variant in self.variants}
        for variant in self.variants:
            for key, names in job_of(variant.arm).needs.items():
                kept[self.inputs[variant.label][key]].update(names)
        return {label: tuple(sorted(names)) for label, names in kept.items()}

    @cached_property
    def asked_for(self) -> dict[Place, dict[str, Any]]:
        """
        :return: the part of the definitions that the study's YAML states, whatever is installed here; under ``inputs``
            the same of the runs that are needed
        :raises ValueError: if the YAML does not say enough, or a preset is missing
        """
        asked: dict[Place, dict[str, Any]] = {}
        for cell in self.cells:
            stated = job_of(cell.variant.arm)().asked_for(cell)
            asked[_place(cell)] = {**stated, **self._with_inputs(cell, asked)}
        return asked

    @cached_property
    def definitions(self) -> dict[Place, dict[str, Any]]:
        """
        :return: what determines the numbers of the runs, but for the seed; under ``inputs`` the same of the runs that
            are needed, which have the same seed
        :raises ValueError: if a preset, an environment or what else is named is missing
        """
        defined: dict[Place, dict[str, Any]] = {}
        for cell in self.cells:
            asked = {key: value for key, value in self.asked_for[_place(cell)].items() if key != "inputs"}
            complete = job_of(cell.variant.arm)().definition(cell, asked)
            defined[_place(cell)] = {**complete, **self._with_inputs(cell, defined)}
        return defined

    def _with_inputs(self, cell: Cell, known: Mapping[Place, Any]) -> dict[str, Any]:
        """What is known of the arms above, for a definition that needs them."""
        inputs = self.inputs[cell.variant.label]
        env_id = cell.environment.env_id
        return {"inputs": {key: known[label, env_id] for key, label in inputs.items()}} if inputs else {}

    @cached_property
    def runs(self) -> tuple[PlannedRun, ...]:
        """
        :return: the runs, seed by seed, so that all arms grow evenly
        :raises ValueError: if a preset or an environment is missing
        """
        return self.runs_of(self.study.seeds)

    def runs_of(self, seeds: Iterable[int]) -> tuple[PlannedRun, ...]:
        """
        :param seeds: any seeds, the study's or others
        :return: their runs; one that is needed by another comes before it
        :raises ValueError: if a preset or an environment is missing
        """
        lengths = {place: job_of(self._cell[place].variant.arm)().length(of) for place, of in self.definitions.items()}
        planned = []
        for seed in seeds:
            ids: dict[Place, str] = {}
            for (label, env_id), common in self.definitions.items():
                complete = {**common, "seed": seed}
                ids[label, env_id] = run_id(complete)
                planned.append(
                    PlannedRun(
                        variant=self._cell[label, env_id].variant,
                        environment=env_id,
                        seed=seed,
                        definition=complete,
                        run_id=ids[label, env_id],
                        inputs={key: ids[of, env_id] for key, of in self.inputs[label].items()},
                        keep=self.kept[label],
                        length=lengths[label, env_id],
                    )
                )
        return tuple(planned)

    @cached_property
    def _cell(self) -> dict[Place, Cell]:
        return {_place(cell): cell for cell in self.cells}

    @cached_property
    def packages(self) -> tuple[str, ...]:
        """:return: the modules that register its environments: those that it names, and those that the ids name"""
        named = (name for env_id in self.study.environments for name in package_of(env_id))
        return tuple(dict.fromkeys([*self.study.packages, *named]))


def agrees(definition: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """
    :param definition: a run's
    :param asked: what :attr:`Plan.asked_for` says of its place
    :return: whether it is a run as the study's YAML states it now, and those that it needed are too
    """
    needed = definition.get("inputs", {})
    return all(
        needed.keys() == value.keys() and all(agrees(needed[name], of) for name, of in value.items())
        if key == "inputs"
        else definition.get(key) == value
        for key, value in asked.items()
    )


def _place(cell: Cell) -> Place:
    return cell.variant.label, cell.environment.env_id
