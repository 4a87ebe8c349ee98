"""What a kind of run is: what its arms say, what determines its numbers, what it needs and keeps, and how it runs."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import ValidationError

from sb3_entropy.environments import full_id, import_packages
from sb3_entropy.errors import unknown
from sb3_entropy.studies.identity import PROTOCOL, environment_packages, installed, module_package
from sb3_entropy.studies.spec import Arm, EnvironmentSpec, Study
from sb3_entropy.studies.variants import Variant

#: the kind of an arm that names none; its definitions have no key ``job``
DEFAULT = "train"


@dataclass(frozen=True)
class Cell:
    """
    What the runs of one place in a study have in common, whatever their seed.

    :param study: the study
    :param variant: one of its variants
    :param environment: one of its environments
    """

    study: Study
    variant: Variant
    environment: EnvironmentSpec


@dataclass(frozen=True)
class Task:
    """
    Runs that are done in one call: one definition, S seeds.

    :param definition: what determines the numbers of the runs, but for the seed
    :param seeds: their numbers, shape (S,)
    :param inputs: by the setting that names an arm, the files of its runs, by name; a mapping a seed
    :param keep: the names of the files that are to be kept of every run, among those that the kind offers
    """

    definition: dict[str, Any]
    seeds: tuple[int, ...]
    inputs: Mapping[str, Sequence[Mapping[str, bytes]]] = field(default_factory=dict)
    keep: tuple[str, ...] = ()

    @property
    def job(self) -> str:
        """:return: the kind of the runs"""
        return str(self.definition.get("job", DEFAULT))


@dataclass(frozen=True)
class Surroundings:
    """
    What is the same for all tasks of a call and does not change their numbers.

    :param measures: the names of the measures to score
    :param unrecorded: of these by kind of run those whose curves it does not record, and another kind of the study does
    :param engine: what does the tasks, by its class
    :param tensorboard: a folder to log to
    :param steps: a folder in which to note how far each run is, see :mod:`~sb3_entropy.studies.steps`
    :param packages: modules that register environments
    :param folder: where they may be found, besides where Python looks
    """

    measures: tuple[str, ...] = ()
    unrecorded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    engine: str = ""
    tensorboard: str | None = None
    steps: str | None = None
    packages: tuple[str, ...] = ()
    folder: str | None = None


@dataclass(frozen=True)
class Result:
    """
    What one seed has given.

    :param steps: where its curves were measured, strictly increasing, shape (T,)
    :param curves: by name, each of shape (T,)
    :param files: what the task asked to keep, by name
    :param recorded: what may differ between equal runs, as plain data
    """

    steps: Sequence[int]
    curves: Mapping[str, Sequence[float]]
    files: Mapping[str, bytes] = field(default_factory=dict)
    recorded: Mapping[str, Any] = field(default_factory=dict)


class Job(ABC):
    """
    A kind of run.

    :cvar settings: the keys of an arm of this kind
    :cvar needs: files of other arms' runs, by the setting that names the arm
    :cvar keeps: the names of files that its runs can keep, for the kinds that need them
    :cvar seeds_at_once: how many seeds of one definition a task has at most. What a seed gives must not depend on which
        others are beside it: a call that was killed goes on with those that are left
    :cvar study_keys: keys of the study, besides those of every study, that its runs read
    :cvar in_gymnasium: whether the study's environments must be known to Gymnasium; else they are names
    """

    settings: ClassVar[type[Arm]]
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    keeps: ClassVar[tuple[str, ...]] = ()
    seeds_at_once: ClassVar[int] = 1
    study_keys: ClassVar[tuple[str, ...]] = ()
    in_gymnasium: ClassVar[bool] = True

    def settings_of(self, variant: Variant) -> Arm:
        """
        :param variant: a variant of this kind
        :return: its arm with the swept values in their places; those that name no setting choose among the variants of
            an arm that it needs
        :raises ValueError: if a value is wrong, or there is nothing to choose; the message begins with the key
        """
        arm, names = variant.arm, self.settings.keys_and_meanings()
        swept = {key: value for key, value in variant.settings.items() if key in names}
        if not self.needs and (strange := variant.settings.keys() - swept.keys()):
            known = names.keys() - set(self.settings.never_swept)
            raise ValueError(f"{min(strange)}: {unknown(f'setting of {arm.job}', min(strange), known)}")
        # Without warnings: pydantic takes the mapping that stands for another arm's name for a mistake.
        given = arm.model_dump(exclude_unset=True, by_alias=True, exclude={"sweep"}, warnings=False)
        try:
            return type(arm).model_validate({**given, **swept})
        except ValidationError as error:
            told = (f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
            raise ValueError("; ".join(told)) from None

    @abstractmethod
    def asked_for(self, cell: Cell) -> dict[str, Any]:
        """
        :param cell: a variant in an environment
        :return: the part of its definition that the study's YAML states, whatever is installed here
        :raises ValueError: if the YAML does not say enough
        """

    @abstractmethod
    def definition(self, cell: Cell, asked: Mapping[str, Any]) -> dict[str, Any]:
        """
        :param cell: a variant in an environment
        :param asked: what :meth:`asked_for` says of it
        :return: what determines the numbers of its runs, but for the seed and what they need: plain data
        :raises ValueError: if something that it names is not installed
        """

    @abstractmethod
    def check(self, cell: Cell) -> None:
        """
        :param cell: a variant in an environment
        :raises ValueError: if what it says is wrong; TypeError and FileNotFoundError count too
        """

    @abstractmethod
    def build(self, definition: Mapping[str, Any], look: bool) -> None:
        """
        What every run does before its first step, so that it fails before the first run, if it does.

        :param definition: a run's
        :param look: whether to try what is done after it too; asked of one variant an arm and environment
        :raises Exception: if it cannot be done
        """

    @abstractmethod
    def curves(self, study: Study) -> set[str]:
        """
        :param study: a study
        :return: the names of the curves that its runs of this kind record
        """

    @abstractmethod
    def length(self, definition: Mapping[str, Any]) -> int:
        """
        :param definition: a run's
        :return: its steps, by which progress is told
        """

    @abstractmethod
    def run(self, task: Task, surroundings: Surroundings) -> Iterable[Result]:
        """
        :param task: what to do
        :param surroundings: what does not change the numbers
        :return: a result a seed, in their order. What was yielded before an error is kept; the other seeds have failed
        :raises Exception: if it cannot be done
        """


class PlainJob(Job):
    """
    A kind that is defined by its settings alone: a subclass names these and its curves, and says how it runs.

    :cvar version: to be raised when its runs give other numbers than before: they are then done again
    :cvar packages: the distributions whose versions make the numbers, besides those of an environment of Gymnasium
    :cvar series: the names of the curves that every run records
    """

    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ("numpy",)
    series: ClassVar[tuple[str, ...]]

    def asked_for(self, cell: Cell) -> dict[str, Any]:
        settings = self.settings_of(cell.variant).model_dump(mode="json", exclude={"job", "keep", "sweep", *self.needs})
        return {
            "job": cell.variant.arm.job,
            "environment": full_id(cell.environment.env_id),
            "env_kwargs": cell.environment.env_kwargs,
            "settings": settings,
        }

    def definition(self, cell: Cell, asked: Mapping[str, Any]) -> dict[str, Any]:
        names = {*self.packages, module_package(type(self).__module__)}
        if self.in_gymnasium:
            import_packages(cell.study.packages)
            names |= environment_packages(cell.environment.env_id)
        return {"protocol": PROTOCOL, "behaviour": self.version, **asked, "versions": installed(names)}

    def check(self, cell: Cell) -> None:
        self.settings_of(cell.variant)

    def build(self, definition: Mapping[str, Any], look: bool) -> None:
        """Nothing: there is nothing to be tried that is not the run itself."""

    def curves(self, study: Study) -> set[str]:
        return set(self.series)

    def length(self, definition: Mapping[str, Any]) -> int:
        """:return: 1: progress is told in runs"""
        return 1
