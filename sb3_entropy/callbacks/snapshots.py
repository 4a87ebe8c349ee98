"""Keep θ at many steps of a training, whoever's algorithm it is."""

import os
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from sb3_entropy.errors import check_number
from sb3_entropy.policies.archive import SnapshotArchive
from sb3_entropy.policies.snapshot_writer import SnapshotWriter

#: steps between two snapshots if nothing is said
EVERY = 50_000
#: the folder's name beside a run's logs
FOLDER = "snapshots"


class SnapshotCallback(BaseCallback):
    """
    Keeps the policy's parameters and buffers, and the running statistics of ``VecNormalize``, in a folder that
    :class:`SnapshotArchive` reads.

    The snapshot of step s is θ of the policy that has taken step s, the behaviour policy: no update has used that step
    yet. That of step 0 is θ before the training. The last one, of the last step, is θ after the last update; where
    step s is the last, it takes the place of the behaviour policy. Statistics are those when step s had been taken. The
    training remains what it would have been, bit for bit.

    A training that goes on (``reset_num_timesteps=False``) goes on in the folder. One that begins at 0 is refused in a
    folder that has snapshots, since these would be another training's.

    :param path: the folder; None for ``snapshots`` in the folder that the model logs to
    :param every: steps of all environments between two snapshots, the first of which is at 0; if neither this nor
        ``at`` is given, 50,000
    :param at: steps at which to take one, besides or instead
    :param at_end: whether to take one after the last update
    :param verbose: 1 prints a line a snapshot
    :raises TypeError: if a step is no whole number
    :raises ValueError: if ``every`` is not positive or a step is negative; at the start of the training, before
        anything is trained, if there is no folder, it has snapshots of another training, or of later steps

    :ivar archive: the archive, once a training has begun
    """

    def __init__(
        self,
        path: str | Path | None = None,
        every: int | None = None,
        at: Iterable[int] | None = None,
        at_end: bool = True,
        verbose: int = 0,
    ):
        super().__init__(verbose)
        if every is None and at is None:
            every = EVERY
        if every is not None:
            check_number("every", every, low=1, integer=True)
        steps = [] if at is None else list(at)
        for step in steps:
            check_number("at", step, low=0, integer=True)
        self.path = None if path is None else Path(path)
        self.every = every
        self.at = tuple(sorted({int(step) for step in steps}))
        self.at_end = at_end
        self.archive: SnapshotArchive | None = None
        self._writer: SnapshotWriter | None = None
        self._next: int | None = None
        self._start = 0

    def _init_callback(self) -> None:
        self._writer = None
        folder = self.path or self._beside_logs()
        archive, start = SnapshotArchive(folder), self.model.num_timesteps
        if steps := archive.steps:
            if start == 0:
                raise ValueError(
                    f"{folder} has snapshots of a training, of steps {steps[0]} to {steps[-1]}, and this one begins "
                    "at 0. Give another folder, or delete that one. To go on with that training, load its model and "
                    "call learn(…, reset_num_timesteps=False)."
                )
            if steps[-1] > start:
                raise ValueError(
                    f"{folder} has snapshots up to step {steps[-1]}, and the training goes on from {start}. Give "
                    "another folder, or take the later ones away: "
                    f"SnapshotArchive({str(folder)!r}).remove_after({start})."
                )
        self.archive, self._writer = archive, SnapshotWriter(folder)
        self._start, self._next = start, self._after(start)

    def _on_training_start(self) -> None:
        wanted = self.every is not None or self._start in self.at
        if wanted and self.archive is not None and not self.archive.steps:
            self._take(self._start)

    def _on_step(self) -> bool:
        while self._next is not None and self._next <= self.num_timesteps:
            self._take(self._next)
            self._next = self._after(self._next)
        return True

    def _on_training_end(self) -> None:
        # rl-zoo calls this twice, and also where the training has not begun.
        if self._writer is not None and self.at_end and self.model.num_timesteps > self._start:
            self._take(self.model.num_timesteps, replace_last=True)
        self._writer = None

    def _after(self, step: int) -> int | None:
        """:return: the first step after this one of which a snapshot is wanted"""
        wanted = list(self.at[bisect_right(self.at, step) :][:1])
        if self.every is not None:
            wanted.append((step // self.every + 1) * self.every)
        return min(wanted, default=None)

    def _take(self, step: int, replace_last: bool = False) -> None:
        if self._writer is None:
            return
        policy, normalization = self.model.policy, self.model.get_vec_normalize_env()
        n_bytes = self._writer.add(step, policy, normalization, replace_last=replace_last)
        if self.verbose:
            print(f"θ of step {step:,} kept in {self._writer.archive.folder}, {n_bytes:,} bytes of it anew")

    def _beside_logs(self) -> Path:
        """
        :raises ValueError: if the model does not log to a folder: Stable-Baselines3's stand-in is a temporary one
        """
        model = self.model
        folder = self.logger.get_dir()
        if folder and (model._custom_logger or model.tensorboard_log is not None or os.getenv("SB3_LOGDIR")):
            return Path(folder) / FOLDER
        raise ValueError(
            "SnapshotCallback needs a folder, since the model logs to none beside which it could be. Give "
            "SnapshotCallback('logs/run/snapshots', …), or the model a tensorboard_log."
        )
