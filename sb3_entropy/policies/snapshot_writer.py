"""Adding to an archive of snapshots: each array once, each snapshot whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.errors import check_number
from sb3_entropy.policies.archive import SnapshotArchive
from sb3_entropy.policies.compiled import by_plain_names
from sb3_entropy.policies.normalisation import statistics_of
from sb3_entropy.policies.snapshot_file import Index, Kept, UnreadableError, encoded, write


class SnapshotWriter:
    """
    Adds to an archive, that of one training: two at once do not know of one another.

    :param folder: the archive's, which is made if need be. What a writer that was killed has left half is removed
    """

    def __init__(self, folder: str | Path):
        self.archive = SnapshotArchive(folder)
        #: in the file of which step an array is, by hash
        self._held: dict[str, int] = {}
        #: of these, those that were read again, or written here
        self._seen: set[str] = set()
        self._last: Index | None = None
        for partial in self.archive.folder.glob(".theta_*.npz.*.tmp"):
            partial.unlink(missing_ok=True)
        for step in self.archive.steps:
            try:
                index = self.archive.index(step)
            except UnreadableError:
                continue  # what it holds is kept again
            self._last = index
            for kept in index.every().values():
                if kept.step == step:
                    self._held[kept.sha256] = step  # the latest: an earlier one was damaged then

    def add(
        self, step: int, policy: BasePolicy, vec_normalize: VecNormalize | None = None, *, replace_last: bool = False
    ) -> int:
        """
        :param step: the number of steps, greater than that of every snapshot
        :param policy: whose θ is kept
        :param vec_normalize: the normalisation whose statistics are kept with it
        :param replace_last: whether the step may be that of the last snapshot, which is replaced then
        :return: how many bytes of arrays were kept anew
        :raises TypeError: if θ has what is no array of NumPy's
        :raises ValueError: if the step is not greater, or the policy's architecture is not that of the last snapshot
        """
        check_number("step", step, low=0, integer=True)
        step, steps = int(step), self.archive.steps
        if steps and (step < steps[-1] or (step == steps[-1] and not replace_last)):
            raise ValueError(
                f"Steps increase, but step {step} was to be added to {self.archive.folder}, whose last is {steps[-1]}."
            )
        theta = _theta_of(policy)
        if self._last is not None and (other := _other_architecture(theta, self._last)) is not None:
            raise ValueError(
                f"{self.archive.folder} holds snapshots of another policy: {other}. Give another folder for this "
                "training."
            )
        new: dict[str, bytes] = {}
        statistics = {} if vec_normalize is None else statistics_of(vec_normalize)
        index = Index(
            step,
            {name: self._kept(array, step, new) for name, array in theta.items()},
            {name: self._kept(array, step, new) for name, array in statistics.items()},
        )
        write(self.archive.file(step), index, new)
        for gone in [sha256 for sha256, where in self._held.items() if where == step]:
            del self._held[gone]  # with the last, which was replaced
        self._held.update(dict.fromkeys(new, step))
        self._seen.update(new)
        self._last = index
        return sum(map(len, new.values()))

    def _kept(self, array: np.ndarray, step: int, new: dict[str, bytes]) -> Kept:
        """:return: where the array is; if it is nowhere yet, in ``new``, which becomes the file of this step"""
        own, content = encoded(array, step)
        where = self._held.get(own.sha256, step)
        if where != step:
            there = Kept(own.dtype, own.shape, own.sha256, where)
            # What an earlier training has left may have been damaged since.
            if own.sha256 in self._seen or self.archive.wrong("it", there) is None:
                self._seen.add(own.sha256)
                return there
        new[own.sha256] = content
        return own


def _theta_of(policy: BasePolicy) -> dict[str, np.ndarray]:
    """:return: parameters and buffers, which share their memory with the policy"""
    theta = {}
    for name, tensor in by_plain_names(policy.state_dict()).items():
        try:
            theta[name] = tensor.detach().cpu().numpy()
        except (AttributeError, TypeError) as error:
            raise TypeError(
                f"{name!r} of the {type(policy).__name__} is no array of NumPy's and cannot be kept: {error}."
            ) from error
    return theta


def _other_architecture(theta: Mapping[str, np.ndarray], index: Index) -> str | None:
    here = {name: (array.dtype.str, array.shape) for name, array in theta.items()}
    there = {name: (kept.dtype, kept.shape) for name, kept in index.theta.items()}
    for name in dict.fromkeys((*here, *there)):
        if here.get(name) != there.get(name):
            said = [f"{of[name][0]} of the shape {of[name][1]}" if name in of else "none" for of in (there, here)]
            return f"for {name!r} they have {said[0]}, and this one has {said[1]}"
    return None
