"""
Copies of a user's environments, for other processes to step.

What travels is a recipe, bytes that any process of the same installation makes equal environments of. Classes and
functions of a script or a notebook travel inside it (cloudpickle), those of modules by their names.
"""

import inspect
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle
import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import EzPickle
from gymnasium.wrappers import RecordVideo
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecEnvWrapper,
    VecMonitor,
    VecNormalize,
    VecVideoRecorder,
)

from sb3_entropy.vec_env.following import FollowingNormalize

_WHAT_TO_DO = "Give a DummyVecEnv (make_vec_env(..., vec_env_cls=DummyVecEnv)), or the environment's id"


def recipe(env: VecEnv) -> bytes:
    """
    What equal environments are made of, by :func:`made`. ``env`` is not changed.

    A copy has the parameters and the wrappers of the original, and begins with a ``reset()``. Whoever steps it seeds it
    before, ``copy.seed(s)``: else all copies draw the same numbers, as they do of a generator that an environment does
    not seed in its ``reset()``. It differs from the original in this:

    * it writes no files: a ``Monitor`` and a ``VecMonitor`` have no results file, and what records videos
      (``VecVideoRecorder``, ``RecordVideo``) is left out;
    * each ``VecNormalize`` is a :class:`~sb3_entropy.vec_env.following.FollowingNormalize`, with the statistics of now;
    * an environment that is an ``EzPickle`` (those of MuJoCo and Atari are) is made again of its constructor's
      arguments: what was set in it afterwards is lost.

    :param env: the original, which need not have been reset
    :return: the recipe
    :raises TypeError: if ``env`` cannot be copied, saying what in it cannot, and why
    """
    _check(env)
    try:
        return _dumps(env)
    except Exception as error:
        raise TypeError(
            f"{_called(env)} cannot be copied for another process: {_culprit(env)} cannot be pickled "
            f"({type(error).__name__}: {error}). {_WHAT_TO_DO}. What is copied may not hold an open window, file or "
            "connection, or a lock: open it in reset(), or give the class a __getstate__ that leaves it out."
        ) from error


def made(recipe: bytes) -> VecEnv:
    """
    :param recipe: what :func:`recipe` returned, here or in another process
    :return: new environments, which share nothing with the original; to be seeded and reset
    :raises RuntimeError: if they cannot be made here
    """
    try:
        env: VecEnv = pickle.loads(recipe)
    except Exception as error:
        raise RuntimeError(
            f"The copy of the environments cannot be made here ({type(error).__name__}: {error}). Whatever defines "
            "them must be installed, or on the path, where their copies are stepped; what a script or a notebook "
            "defines travels by itself."
        ) from error
    return env


class _Copier(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles environments as their copies."""

    def reducer_override(self, obj: Any) -> Any:
        for kind, reduce in _REDUCED.items():
            if isinstance(obj, kind):
                return reduce(obj)
        return super().reducer_override(obj)


def _dumps(thing: Any) -> bytes:
    with io.BytesIO() as file:
        _Copier(file, protocol=pickle.HIGHEST_PROTOCOL).dump(thing)
        return file.getvalue()


def _left_out(recorder: Any) -> Any:
    return _same, (_inside(recorder),)


def _same(thing: Any) -> Any:
    return thing


def _inside(wrapper: Any) -> Any:
    return wrapper.venv if isinstance(wrapper, VecEnvWrapper) else wrapper.env


def _plainly(thing: Any) -> Any:
    """As Python would pickle it, but with :func:`_state`; what has a way of its own is left to it."""
    if _has_own_way(thing):
        return NotImplemented
    return _blank, (type(thing),), _state(thing), None, None, _fill


def _has_own_way(thing: Any) -> bool:
    cls: Any = type(thing)
    return cls.__reduce_ex__ is not object.__reduce_ex__ or cls.__reduce__ is not object.__reduce__


def _state(thing: Any) -> Any:
    """:return: what of a thing is in its copy"""
    state = thing.__getstate__()
    if not isinstance(state, dict):
        return state
    state = {name: value for name, value in state.items() if name != "class_attributes"}
    if isinstance(thing, (Monitor, VecMonitor)):
        state["results_writer"] = None
    if isinstance(thing, Monitor):
        # The copy counts its own episodes, and may be reset even where an early reset is not allowed.
        state |= {"rewards": [], "needs_reset": True, "total_steps": 0}
        state |= {"episode_returns": [], "episode_lengths": [], "episode_times": []}
    if isinstance(thing, DummyVecEnv):
        # Whatever the last step said, it was not said to the copy.
        state |= {name: [{} for _ in thing.envs] for name in ("buf_infos", "reset_infos")}
    return state


def _blank(cls: Any) -> Any:
    return cls.__new__(cls)


def _fill(blank: Any, state: Any) -> None:
    # The class is asked: a VecEnvWrapper that has no attributes yet would look for this one for ever.
    if hasattr(type(blank), "__setstate__"):
        blank.__setstate__(state)
    else:
        vars(blank).update(state)
    if isinstance(blank, VecEnvWrapper):
        vars(blank)["class_attributes"] = dict(inspect.getmembers(type(blank)))


def _following(normalize: VecNormalize) -> Any:
    return _blank, (FollowingNormalize,), (normalize.venv, normalize.__getstate__()), None, None, _fill_following


def _fill_following(blank: FollowingNormalize, venv_and_state: tuple[VecEnv, dict[str, Any]]) -> None:
    FollowingNormalize.__init__(blank, *venv_and_state)


def _made_again(env: Any) -> Any:
    """Its constructor does not know the ``spec`` that ``gymnasium.make`` gave it afterwards."""
    if _has_own_way(env):
        return NotImplemented
    return _blank, (type(env),), (env.__getstate__(), vars(env).get("spec")), None, None, _fill_again


def _fill_again(blank: Any, state_and_spec: tuple[Any, Any]) -> None:
    state, spec = state_and_spec
    blank.__setstate__(state)
    if spec is not None:
        blank.spec = spec


def _delegating(env: Any) -> Any:
    """One that asks another environment for what it has not would look for that one for ever while it has none."""
    return _plainly(env) if hasattr(type(env), "__getattr__") else NotImplemented


_LEFT_OUT = (VecVideoRecorder, RecordVideo)
#: how the copies of these are made; the first that fits
_REDUCED: dict[Any, Callable[[Any], Any]] = {
    _LEFT_OUT: _left_out,
    VecNormalize: _following,
    (VecEnvWrapper, DummyVecEnv, Monitor): _plainly,
    EzPickle: _made_again,
    gym.Env: _delegating,
}


def _check(env: Any) -> None:
    """:raises TypeError: if it is known beforehand that there can be no copy"""
    if not isinstance(env, VecEnv):
        raise TypeError(f"Copies are made of a VecEnv, but {env!r} was given. {_WHAT_TO_DO}.")
    for each in _chain(env):
        if isinstance(each, SubprocVecEnv):
            raise TypeError(
                f"A {type(each).__name__} cannot be copied for another process: its environments are in processes of "
                f"their own, and how they were made is not kept. {_WHAT_TO_DO}: the copies are stepped in as many "
                "processes anyway."
            )
        if isinstance(each, VecNormalize) and type(each) not in (VecNormalize, FollowingNormalize):
            raise TypeError(
                f"{type(each).__name__} cannot be copied for another process: copies follow the statistics of a "
                "VecNormalize, and what else a subclass does is not known. Give a VecNormalize, and a VecEnvWrapper "
                "that does the rest."
            )


def _chain(env: VecEnv) -> Iterator[VecEnv]:
    while isinstance(env, VecEnvWrapper):
        yield env
        env = env.venv
    yield env


def _called(env: VecEnv) -> str:
    """:return: the id of the environments, if they have one, and their class"""
    base = env.unwrapped
    one: Any = base.envs[0].unwrapped if isinstance(base, DummyVecEnv) else base
    spec, name = getattr(one, "spec", None), type(one).__name__
    return f"The environment {spec.id!r} ({name})" if isinstance(spec, EnvSpec) else f"The environment {name}"


def _culprit(thing: Any, above: frozenset[int] = frozenset()) -> str:
    """:return: what in it cannot be pickled, looked for in the environments inside"""
    above |= {id(thing)}
    for name, value in _parts(thing):
        if id(value) not in above and not _can_be_pickled(value):
            if isinstance(value, (gym.Env, VecEnv)):
                return _culprit(value, above)
            return f"{name!r} of {type(thing).__name__}, which is a {type(value).__qualname__},"
    return type(thing).__name__


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """Names and values of what is pickled of it."""
    if isinstance(thing, (*_LEFT_OUT, VecNormalize)):
        yield "env", _inside(thing)
    if isinstance(thing, DummyVecEnv):
        yield from (("envs", env) for env in thing.envs)
    try:
        state = {} if isinstance(thing, _LEFT_OUT) else _state(thing)
    except Exception:
        return
    if isinstance(state, dict):
        yield from state.items()


def _can_be_pickled(thing: Any) -> bool:
    try:
        _dumps(thing)
    except Exception:
        return False
    return True
