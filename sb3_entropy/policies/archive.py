"""θ at many steps of a training, in a folder: a file a snapshot, and each array once."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.errors import check_number
from sb3_entropy.policies.compiled import by_plain_names, uncompiled
from sb3_entropy.policies.normalisation import put_statistics
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.policies.snapshot_file import Index, Kept, UnreadableError, read_arrays, read_index
from sb3_entropy.unpickling.saved_file import find_zip
from sb3_entropy.unpickling.saved_model import find_saver, load_model

#: so many steps are listed in a message, at most
_LISTED = 24


class SnapshotArchive:
    """
    θ, a policy's parameters and buffers, at steps of a training, and the running statistics of ``VecNormalize`` then.

    The folder has a file a snapshot, ``theta_<step>.npz``. An array that an earlier one holds, of a frozen layer or of
    a target network, is not kept again. A file is whole or not there, so that a kill at any moment leaves what was
    there before; what is damaged does not keep the rest from being read. Nothing is unpickled.

    :param folder: where it is, as :class:`~sb3_entropy.callbacks.SnapshotCallback` has filled it
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    @property
    def steps(self) -> list[int]:
        """:return: of which steps there are snapshots, in order; damaged ones too"""
        names = (re.fullmatch(r"theta_(\d+)\.npz", file.name) for file in self.folder.glob("theta_*.npz"))
        return sorted(int(name[1]) for name in names if name)

    def file(self, step: int) -> Path:
        """:return: where the snapshot of that step is, or would be"""
        return self.folder / f"theta_{step:010d}.npz"

    # ------------------------------------------------------------------ reading

    def theta(self, step: int) -> dict[str, np.ndarray]:
        """
        :param step: one of :attr:`steps`
        :return: parameters and buffers, by the names that they have in the policy
        :raises ValueError: if there is no snapshot of that step, or it cannot be read
        """
        index = self._index(step)
        return self._arrays(step, index.theta)

    def statistics(self, step: int) -> dict[str, np.ndarray]:
        """
        :param step: one of :attr:`steps`
        :return: the statistics of ``VecNormalize`` at that moment, see
            :func:`~sb3_entropy.policies.normalisation.statistics_of`; none if the environments were not normalised
        :raises ValueError: if there is no snapshot of that step, or it cannot be read
        """
        return self._arrays(step, self._index(step).statistics)

    def put_into(self, target: BaseAlgorithm | BasePolicy, step: int) -> None:
        """
        :param target: a model, whose policy gets θ, and whose ``VecNormalize``, if it has one, the statistics; or a
            policy, which gets θ. The rest of a model stays: optimizers, temperatures, replay buffers
        :param step: one of :attr:`steps`
        :raises TypeError: if it is neither
        :raises ValueError: if there is no snapshot of that step, it cannot be read, or does not fit; nothing is changed
            then
        """
        is_model = isinstance(target, BaseAlgorithm)
        policy = uncompiled(target.policy if is_model else target)
        if not isinstance(policy, BasePolicy):
            raise TypeError(f"θ is put into a model or a policy, but a {type(target).__name__} was given.")
        vec_normalize = target.get_vec_normalize_env() if isinstance(target, BaseAlgorithm) else None
        theta = self.theta(step)
        statistics = {} if vec_normalize is None else self.statistics(step)
        snapshot = Snapshot.of_arrays(theta)
        if (misfit := snapshot.misfit(policy) or _other_dtype(theta, policy)) is not None:
            raise ValueError(
                f"The snapshot of step {step} in {self.folder} does not fit the {type(policy).__name__}, for its "
                f"architecture is another. {misfit}. Give a model that was made as the training's was."
            )
        if vec_normalize is not None:
            put_statistics(vec_normalize, statistics)
        snapshot.put_into(policy)

    def put_statistics_into(self, vec_normalize: VecNormalize, step: int) -> None:
        """
        :param vec_normalize: environments in which the policy of that step is to be played; their statistics are those
            of that moment from now on. Set their ``training`` to False so that they stay
        :param step: one of :attr:`steps`
        :raises ValueError: if there is no snapshot of that step, it cannot be read, or lacks what is normalised here
        """
        put_statistics(vec_normalize, self.statistics(step))

    def restore(
        self,
        agent: str | Path,
        step: int,
        *,
        algorithm: type[BaseAlgorithm] | None = None,
        trust: bool = False,
        **given: Any,
    ) -> BaseAlgorithm:
        """
        θ in a model that was saved: the file of any step of the same training will do. What is not θ is the file's.

        :param agent: the zip, with ``.zip`` or without
        :param step: one of :attr:`steps`
        :param algorithm: the class that has saved it; None to find it by what the file stores
        :param trust: whether what is pickled in the zip may be executed
        :param given: handed on to ``load``: ``env``, ``device``, ``custom_objects``
        :return: the model
        :raises FileNotFoundError: if there is no such file
        :raises UntrustedError: if the zip holds what could be executed, without trust
        :raises ValueError: if the zip cannot be read; and as :meth:`put_into`
        """
        self._index(step)  # before a model is built in vain
        file = find_zip(agent)
        model = load_model(algorithm or find_saver(file), file, trust, **given)
        self.put_into(model, step)
        return model

    def damage(self) -> dict[int, str]:
        """
        Reads everything.

        :return: what is wrong, by step, of each snapshot that cannot be read; nothing if all can
        """
        found: dict[int, str] = {}
        known: dict[Kept, str | None] = {}
        for step in self.steps:
            try:
                every = self.index(step).every()
            except UnreadableError as error:
                found[step] = str(error)
                continue
            for name, kept in every.items():
                if kept not in known:
                    known[kept] = self.wrong(name, kept)
                if (wrong := known[kept]) is not None:
                    found.setdefault(step, wrong)
        return found

    def remove_after(self, step: int) -> list[int]:
        """
        Take the snapshots of later steps away, the last first: for a training that goes on from before them.

        :param step: the last step that may stay
        :return: those that were removed
        """
        check_number("step", step, low=0, integer=True)
        removed = [each for each in self.steps if each > step]
        for each in reversed(removed):
            self.file(each).unlink()
        return removed

    # ------------------------------------------------------------------ parts

    def index(self, step: int) -> Index:
        """
        :param step: one of :attr:`steps`
        :return: what the file of that step says of its arrays
        :raises UnreadableError: if it cannot be read
        """
        file = self.file(step)
        index = read_index(file)
        if index.step != step:
            raise UnreadableError(f"{file.name} is the snapshot of step {index.step}, under another name")
        return index

    def wrong(self, name: str, kept: Kept) -> str | None:
        """
        :param name: what an array is called
        :param kept: what is said of it
        :return: why it cannot be read; None if it can
        """
        try:
            read_arrays(self.file(kept.step), {name: kept})
        except UnreadableError as error:
            return str(error)
        return None

    def _index(self, step: int) -> Index:
        if step not in self.steps:
            there = f"Those are kept of {listed(self.steps)}." if self.steps else "It has none: check the path."
            raise ValueError(f"There is no snapshot of step {step} in {self.folder}. {there}")
        try:
            return self.index(step)
        except UnreadableError as error:
            raise self._unreadable(step, error) from error

    def _arrays(self, step: int, wanted: Mapping[str, Kept]) -> dict[str, np.ndarray]:
        by_file: dict[int, dict[str, Kept]] = {}
        for name, kept in wanted.items():
            by_file.setdefault(kept.step, {})[name] = kept
        found: dict[str, np.ndarray] = {}
        try:
            for where, those in by_file.items():
                found.update(read_arrays(self.file(where), those))
        except UnreadableError as error:
            raise self._unreadable(step, error) from error
        return {name: found[name] for name in wanted}

    def _unreadable(self, step: int, error: UnreadableError) -> ValueError:
        damaged = self.damage()
        whole = [each for each in self.steps if each not in damaged]
        return ValueError(
            f"The snapshot of step {step} in {self.folder} cannot be read: {error}. "
            + (f"The rest can be: {listed(whole)}." if whole else "Nor can any other of it.")
        )


def _other_dtype(theta: Mapping[str, np.ndarray], policy: BasePolicy) -> str | None:
    for name, tensor in by_plain_names(policy.state_dict()).items():
        own = str(tensor.dtype).removeprefix("torch.")
        if own != str(theta[name].dtype):
            return f"For {name!r} the snapshot has {theta[name].dtype}, and the policy has {own}"
    return None


def listed(steps: Sequence[int]) -> str:
    """:return: them, for a message"""
    if len(steps) <= _LISTED:
        return ", ".join(map(str, steps))
    half = _LISTED // 2
    return f"{', '.join(map(str, steps[:half]))}, …, {', '.join(map(str, steps[-half:]))} ({len(steps)} in all)"
