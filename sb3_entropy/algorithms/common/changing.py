"""
Arguments of a constructor that change afterwards: by assignment, by ``load(…, name=value)`` or by ``custom_objects``.

There are three kinds. Most are read whenever they are needed. From some a part is made, which is made anew then:
``made_from`` says which. The others are built into the model, and to change them is an error that says what to do.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from inspect import Parameter, signature
from typing import Any, ClassVar

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.type_aliases import GymEnv
from torch import nn

from sb3_entropy.algorithms.common.arguments import CHECKED, check_arguments, plain
from sb3_entropy.errors import unknown
from sb3_entropy.handed_over import owned

_NEW = "make a new model; set_parameters takes over what an old one has learned, if their networks are alike"

#: what is built into a model, and what to do instead
FIXED = {
    "policy": _NEW,
    "policy_class": _NEW,
    "policy_kwargs": _NEW,
    "use_sde": _NEW,
    "use_rms_prop": _NEW,
    "rms_prop_eps": _NEW,
    "env": "use set_env(env), or load(path, env=env)",
    "device": "save the model, and load(path, device=device)",
    "seed": "use set_random_seed(seed), or load(path, seed=seed)",
    "_init_setup_model": "it is for load() alone",
}


class ChangingAlgorithm(BaseAlgorithm):
    """An algorithm in which a constructor's argument that is set later takes effect, or is refused."""

    #: methods that make a part of the model, or check what fits together, and the arguments that they are about. Each
    #: is called when the model is set up, and after a change, with the values that the changed arguments had before, in
    #: this order: what is made or checked of another part comes after it.
    #: One may still refuse the change, so they put new parts in the place of old ones, and write into none
    made_from: ClassVar[Mapping[str, frozenset[str]]] = {"_make_lr_schedule": frozenset({"learning_rate"})}
    #: an algorithm's own checks: by argument, a function of its name and value
    checks: ClassVar[Mapping[str, Callable[[str, Any], None]]] = {}

    #: keys of ``policy_kwargs`` that the constructor adds to what the user has given
    adds_to_policy_kwargs: ClassVar[frozenset[str]] = frozenset()

    #: what is looked at when it is assigned
    _guarded: ClassVar[frozenset[str]] = frozenset()
    #: from the end of ``_setup_model`` on
    _is_set_up: bool = False

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **{name: _taken(value) for name, value in kwargs.items()})

    @classmethod
    @cache
    def _arguments(cls) -> frozenset[str]:
        """Names of the constructor's arguments, and of those that it hands on to a constructor of the family."""
        constructors = [
            vars(base)["__init__"]
            for base in cls.__mro__
            if issubclass(base, ChangingAlgorithm) and "__init__" in vars(base)
        ]
        return frozenset(
            name
            for constructor in constructors
            for name, parameter in list(signature(constructor).parameters.items())[1:]
            if parameter.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # What nothing is made of and nothing checks is an attribute like any other: a subclass's own argument, say.
        known = CHECKED.union(cls.checks, *cls.made_from.values())
        cls._guarded = known & cls._arguments() | FIXED.keys()

    def __setattr__(self, name: str, value: Any) -> None:
        # Quick, since every step of a training assigns to what is no argument.
        if name in self._guarded and self._is_set_up and not (name == "policy" and isinstance(value, nn.Module)):
            self.set_arguments(**{name: value})
        else:
            object.__setattr__(self, name, value)

    def set_arguments(self, **arguments: Any) -> None:
        """
        Change arguments of the constructor, from the next rollout on. One alone may as well be assigned.

        :param arguments: by name
        :raises AttributeError: if one is built into the model
        :raises TypeError: if one is of the wrong type
        :raises ValueError: if one is unknown, out of its range, or does not fit the others; nothing is changed then
        """
        known = self._arguments()
        for name, value in arguments.items():
            if name in FIXED:
                raise AttributeError(
                    f"{name} is built into a {type(self).__name__} when it is made and cannot be set, but {value!r} "
                    f"was given: {FIXED[name]}."
                )
            if name not in known:
                raise ValueError(unknown("argument", name, known - FIXED.keys()))
        with self._taken_back_if_refused():
            self._put_in_force(self._accept(arguments))

    @contextmanager
    def _taken_back_if_refused(self) -> Iterator[None]:
        state = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(state)
            raise

    def _accept(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """
        Check arguments as the constructor does, and keep them.

        :param changes: arguments by name
        :return: what they were before
        """
        check_arguments(changes, self.checks)
        changes = dict(changes)
        self._check_policy_kwargs(changes.pop("policy_kwargs", None))
        before = {name: getattr(self, name, None) for name in changes}
        for name, value in changes.items():
            object.__setattr__(self, name, _taken(value))
        return before

    def _make_plain(self) -> None:
        """The same for what the constructors have kept, and what a file has brought."""
        for name in self._arguments() | {"_stats_window_size"}:
            if name in self.__dict__:
                self.__dict__[name] = plain(self.__dict__[name])

    def _check_policy_kwargs(self, given: Mapping[str, Any] | None) -> None:
        """
        :param given: what is given to ``load``, None for nothing
        :raises ValueError: if it is not what the saved model was made with
        """
        held = self.policy_kwargs
        added = {name: held[name] for name in self.adds_to_policy_kwargs & held.keys()}
        if given is not None and {**added, **given} != held:
            raise ValueError(
                f"The specified policy kwargs do not equal the stored policy kwargs. Stored: {held}, specified: "
                f"{dict(given)}. To change them, {FIXED['policy_kwargs']}."
            )

    def _put_in_force(self, before: Mapping[str, Any]) -> None:
        """
        :param before: what the arguments that have changed were before
        """
        for make, arguments in self.made_from.items():
            if arguments & before.keys():
                getattr(self, make)(before)
        if self._is_set_up:
            self._write(before)

    def _write(self, before: Mapping[str, Any]) -> None:
        """
        Write what has changed into what is not made anew. It comes last, when nothing can fail any more.

        :param before: what the arguments that have changed were before
        """

    def _make_lr_schedule(self, before: Mapping[str, Any]) -> None:
        self._setup_lr_schedule()

    def set_env(self, env: GymEnv, force_reset: bool = True) -> None:
        """
        :param env: the environment to go on with, with the same spaces and as many copies
        :param force_reset: whether to reset it before training
        :raises ValueError: if it does not fit the model; the model goes on in the one that it has then
        """
        before, was_set_up = self.env, self._is_set_up
        with self._taken_back_if_refused():
            self._is_set_up = False  # the parent assigns what is the constructor's argument
            super().set_env(env, force_reset)
            self._is_set_up = was_set_up
            if was_set_up:
                self._put_in_force({"env": before})


def _taken(value: Any) -> Any:
    """
    An argument as the model keeps it: NumPy's numbers as Python's, and mappings as copies. A list of regularisers is
    copied where they are made, a schedule is the user's own.
    """
    return plain(owned(value) if isinstance(value, Mapping) else value)
