"""Writing a model so that a kill never leaves half a file, and loading one that the family can read."""

import io
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch as th
from stable_baselines3.common.base_class import maybe_make_env
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.type_aliases import GymEnv

from sb3_entropy.algorithms.common.changing import FIXED, ChangingAlgorithm
from sb3_entropy.environments import find_env
from sb3_entropy.errors import unknown
from sb3_entropy.files import atomic_file
from sb3_entropy.handed_over import owned
from sb3_entropy.policies.compiled import by_plain_names, compiled_in_place, plain_name
from sb3_entropy.unpickling.fingerprints import check_family, lineage
from sb3_entropy.unpickling.saved_file import check_zip, find_zip, zip_path


class SavedAlgorithm(ChangingAlgorithm):
    """An algorithm of Stable-Baselines3 whose files are whole or not there, and that knows whose files it can load."""

    #: arguments that ``load`` changes when the model is there: a file has tensors for what they were before
    changed_when_loaded: ClassVar[frozenset[str]] = frozenset()

    @property
    def policy(self) -> Any:
        """
        The policy. One that is set to ``th.compile(policy)`` is compiled in place: it keeps its class and its names.
        """
        try:
            return self.__dict__["policy"]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no policy before it is set up.") from None

    @policy.setter
    def policy(self, policy: Any) -> None:
        self.__dict__["policy"] = compiled_in_place(policy)

    def get_parameters(self) -> dict[str, dict[str, Any]]:
        """:return: the state of the policy, by the names it has uncompiled, and of its optimizer"""
        parameters: dict[str, dict[str, Any]] = super().get_parameters()
        return {**parameters, "policy": by_plain_names(parameters["policy"])}

    def set_parameters(
        self,
        load_path_or_dict: str | dict[str, Any],
        exact_match: bool = True,
        device: th.device | str = "auto",
    ) -> None:
        """
        :param load_path_or_dict: a saved model, or what :meth:`get_parameters` has given, of this model or of one like
            it, whichever parts of the two are compiled
        :param exact_match: whether every parameter must be there
        :param device: where a file's parameters are put
        """
        given = self._read_parameters(load_path_or_dict, device)
        if "policy" in given:
            own = {plain_name(name): name for name in self.policy.state_dict()}
            policy = {own.get(plain_name(name), name): value for name, value in given["policy"].items()}
            given = {**given, "policy": policy}
        super().set_parameters(given, exact_match, device)

    @staticmethod
    def _read_parameters(load_path_or_dict: str | dict[str, Any], device: th.device | str) -> dict[str, Any]:
        if isinstance(load_path_or_dict, dict):
            return load_path_or_dict
        return load_from_zip_file(load_path_or_dict, device=device, load_data=False)[1]

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_is_set_up"]

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
        self._before_save()
        self.saved_by = lineage(type(self))
        if not isinstance(path, (str, Path)):
            super().save(path, exclude, include)
            return
        with atomic_file(zip_path(path)) as file:
            super().save(file, exclude, include)  # type: ignore[arg-type]

    def _before_save(self) -> None:
        """A family's hook: called before anything is written."""

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
        check_family(cls, path, stored)
        arguments = cls._arguments()
        known = {*stored, *arguments}
        for name in kwargs:
            if name not in known:
                raise ValueError(unknown("argument", name, known))
        replaced = owned(custom_objects)
        changes = {name: value for name, value in {**(replaced or {}), **kwargs}.items() if name in arguments}
        cls._check_fixed(changes, stored)
        later = {name: changes.pop(name) for name in cls.changed_when_loaded & changes.keys()}
        replaced = {name: value for name, value in replaced.items() if name not in later} if replaced else replaced
        others = {name: kwargs[name] for name in kwargs if name not in arguments}
        if isinstance(env, str):
            env = maybe_make_env(find_env(env), verbose=0)
        try:
            model = super().load(
                path, env, device, replaced, print_system_info, force_reset, _changes=changes, **others
            )
        except pickle.UnpicklingError as error:
            raise ValueError(
                f"{path} holds parameters that cannot be read: {error}. Load an earlier checkpoint."
            ) from error
        if later:
            model.set_arguments(**later)
        return model

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
