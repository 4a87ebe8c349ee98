"""Writing a model so that a kill never leaves half a file, and saying what is wrong with one that cannot be read."""

import io
import json
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch as th
from stable_baselines3.common.base_class import maybe_make_env
from stable_baselines3.common.type_aliases import GymEnv

from sb3_entropy.algorithms.common.changing import FIXED, ChangingAlgorithm
from sb3_entropy.environments import find_env
from sb3_entropy.errors import unknown
from sb3_entropy.files import atomic_file
from sb3_entropy.handed_over import owned
from sb3_entropy.registry import ALGORITHMS


def zip_path(path: str | Path) -> Path:
    """:return: where Stable-Baselines3 saves under that name: ``.zip`` is added to a name without a suffix"""
    named = Path(path)
    return named if named.suffix else named.with_name(f"{named.name}.zip")


def find_zip(path: str | Path) -> Path:
    """
    :param path: as it was given to ``save``, with ``.zip`` or without
    :return: the file; a folder of that name, as rl-zoo makes one beside it, is none
    :raises FileNotFoundError: if there is no such file
    """
    for file in (Path(path), Path(f"{path}.zip")):
        if file.is_file():
            return file
    raise FileNotFoundError(f"There is no saved model at {path} or {path}.zip. Check the path.")


def check_zip(path: str | Path | io.BufferedIOBase) -> dict[str, Any]:
    """
    :param path: a saved model
    :return: what it stores, by name, as Stable-Baselines3 has encoded it
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is no zip, was cut short, or holds no model
    """
    source = find_zip(path) if isinstance(path, (str, Path)) else path
    damage, stored = "", {}
    try:
        with zipfile.ZipFile(source) as archive:
            damage = archive.testzip() or ""
            if {"data", "policy.pth"} <= set(archive.namelist()) and not damage:
                stored = json.loads(archive.read("data"))
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(
            f"The file {path} wasn't a zip-file that can be read: {error}. It was cut short or is not a saved model; "
            "load an earlier checkpoint."
        ) from error
    finally:
        if isinstance(source, io.IOBase):
            source.seek(0)
    if damage:
        raise ValueError(f"{path} is damaged at {damage!r}. Load an earlier checkpoint.")
    if not stored:
        raise ValueError(
            f"{path} is a zip file, but not a saved model of Stable-Baselines3, or one that was cut short. Load an "
            "earlier checkpoint."
        )
    return stored


class SavedAlgorithm(ChangingAlgorithm):
    """An algorithm of Stable-Baselines3 whose files are whole or not there, and that knows whose files it can load."""

    #: attributes by which a saved model of the family is known, and by which one of another family is
    saved_by_family: ClassVar[frozenset[str]]
    saved_by_others: ClassVar[frozenset[str]] = frozenset()

    def _excluded_save_params(self) -> list[str]:
        """What lives from one rollout to the next is left out."""
        passing = ["_statistics", "_mean_entropy", "_value_clip", "_temperature_in_force", "_next_rollout_buffer"]
        return [*super()._excluded_save_params(), *passing, "_is_set_up"]

    def save(
        self,
        path: str | Path | io.BufferedIOBase,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """
        Save the model; what stands at ``path`` is replaced when the new file is complete, and not before.

        :param path: a file, ``.zip`` is added to a name without a suffix, or an open binary file
        :param exclude: attributes to leave out
        :param include: attributes to put in that would be left out
        """
        if not isinstance(path, (str, Path)):
            super().save(path, exclude, include)
            return
        with atomic_file(zip_path(path)) as file:
            super().save(file, exclude, include)  # type: ignore[arg-type]

    @classmethod
    def load(
        cls,
        path: str | Path | io.BufferedIOBase,
        env: GymEnv | str | None = None,
        device: th.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **kwargs: Any,
    ) -> Self:
        """
        Load a model that this algorithm or its parent in Stable-Baselines3 has saved.

        The parent's file brings its own ``ent_coef`` and nothing else of ours: our other arguments stand at their
        defaults unless they are given here, as ``SPPO.load("ppo", ent_coef=0.01, entropy_in_return=False)``.

        :param path: the file
        :param env: the environment to go on with, or its id
        :param device: where to put the parameters
        :param custom_objects: replacements for attributes that cannot be read; a constructor's argument in it is as
            one in ``kwargs``
        :param print_system_info: whether to print this system's and the saved one's
        :param force_reset: whether to reset the environment before training
        :param kwargs: attributes to change. A constructor's argument takes effect as if it had been given to the
            constructor; where it is what it was, what the model has learned of it stays: a tuned temperature, the
            policies that a reference remembers
        :return: the model
        :raises FileNotFoundError: if there is no such file
        :raises ValueError: if the file is damaged, or was saved by another kind of algorithm, or an argument is
            unknown, out of its range, or built into the model
        """
        if isinstance(path, (str, Path)):
            path = find_zip(path)  # Stable-Baselines3 would open a folder of that name
        stored = check_zip(path)
        cls._check_family(path, stored)
        arguments = cls._arguments()
        known = {*stored, *arguments}
        for name in kwargs:
            if name not in known:
                raise ValueError(unknown("argument", name, known))
        replaced = owned(custom_objects)
        changes = {name: value for name, value in {**(replaced or {}), **kwargs}.items() if name in arguments}
        cls._check_fixed(changes, stored)
        others = {name: kwargs[name] for name in kwargs if name not in arguments}
        if isinstance(env, str):
            env = maybe_make_env(find_env(env), verbose=0)
        try:
            return super().load(path, env, device, replaced, print_system_info, force_reset, _changes=changes, **others)
        except pickle.UnpicklingError as error:
            raise ValueError(
                f"{path} holds parameters that cannot be read: {error}. Load an earlier checkpoint."
            ) from error

    @classmethod
    def _check_fixed(cls, changes: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
        """
        :raises ValueError: if what is built into the model is to be another
        """
        for name in changes.keys() & FIXED.keys() - {"seed", "policy_kwargs"}:
            if name not in stored or changes[name] != stored[name]:
                raise ValueError(
                    f"{name}={changes[name]!r} cannot be given to {cls.__name__}.load, since it is built into the "
                    f"model: {FIXED[name]}."
                )

    @classmethod
    def _check_family(cls, path: Any, stored: dict[str, Any]) -> None:
        """
        :raises ValueError: if another kind of algorithm has saved the file
        """
        saved_by = stored.get("saved_by")
        others = {algorithm.__name__ for _, algorithm in ALGORITHMS.items()} - {base.__name__ for base in cls.__mro__}
        reason = f"it was saved by {saved_by}" if saved_by in others else ""
        if lacking := sorted(cls.saved_by_family - stored.keys()):
            reason = reason or f"it lacks {', '.join(lacking)}"
        if foreign := sorted(cls.saved_by_others & stored.keys()):
            reason = reason or f"it has {', '.join(foreign)}"
        if reason:
            raise ValueError(
                f"{path} was saved by another algorithm than {cls.__name__}: {reason}. Load it with the algorithm that "
                "saved it."
            )
