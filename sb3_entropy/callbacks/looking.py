"""What callbacks share that look at a training now and then, take their time, and log what they have found."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Figure, TensorBoardOutputFormat

from sb3_entropy.errors import check_number

#: where a picture is no use
_TEXTS = ("stdout", "log", "json", "csv")


class LookingCallback(BaseCallback, ABC):
    """
    Looks at the end of the first rollout after every ``every`` steps, and after the last update.

    :param every: steps of all environments between two looks
    :param at_start: whether to look before the first step of a training that starts from 0 too
    :param at_end: whether to look after the last update
    :param verbose: 1 prints what was found
    :raises TypeError: if ``every`` is no whole number
    :raises ValueError: if it is below 1

    :ivar history: what was found, in order; a training that starts from 0 steps starts it anew
    """

    def __init__(self, every: int, *, at_start: bool = False, at_end: bool = True, verbose: int = 0):
        super().__init__(verbose)
        check_number("every", every, low=1, integer=True)
        self.every = every
        self.at_start, self.at_end = at_start, at_end
        self.history: list[Any] = []
        self._next, self._start = 0, 0
        self._is_open = False

    @abstractmethod
    def _look(self, timesteps: int) -> None:
        """
        Look at ``self.model``, put what is found into ``history``, and log it in :meth:`row_of_its_own`.

        :param timesteps: steps of all environments so far
        """

    @abstractmethod
    def _close(self) -> None:
        """Give back what was made for looking; the training is over."""

    def _on_training_start(self) -> None:
        self._is_open = True
        self._start = self.model.num_timesteps
        if self._start == 0:
            self.history = []
        self._next = (self._start // self.every + 1) * self.every
        if self.at_start and self._start == 0:
            self._look_now()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.model.num_timesteps >= self._next:
            self._look_now()

    def _on_training_end(self) -> None:
        # rl-zoo calls this twice, and also where the training has not begun.
        if not self._is_open:
            return
        self._is_open = False
        if self.at_end and self.model.num_timesteps > self._start:
            self._look_now()
        self._close()

    def _look_now(self) -> None:
        timesteps = self.model.num_timesteps
        self._next = (timesteps // self.every + 1) * self.every
        self._look(timesteps)

    @contextmanager
    def row_of_its_own(self) -> Iterator[None]:
        """
        What is recorded inside is written as a row of its own. What the training has recorded and not written yet stays
        for the row that it writes.
        """
        held: list[dict[str, Any]] = [
            self.logger.name_to_value,
            self.logger.name_to_count,
            self.logger.name_to_excluded,
        ]
        pending = [dict(each) for each in held]
        for each in held:
            each.clear()
        try:
            yield
            self.logger.record("time/total_timesteps", self.model.num_timesteps, exclude="tensorboard")
            self.logger.dump(self.model.num_timesteps)
        finally:
            for each, kept in zip(held, pending, strict=True):
                each.clear()
                each.update(kept)

    def draws_figures(self) -> bool:
        """:return: whether TensorBoard is logged to and matplotlib is installed"""
        is_drawn = any(isinstance(output, TensorBoardOutputFormat) for output in self.logger.output_formats)
        return is_drawn and find_spec("matplotlib") is not None

    def record_figure(self, key: str, figure: Any) -> None:
        """
        :param key: its name in TensorBoard
        :param figure: a figure of matplotlib's
        """
        self.logger.record(key, Figure(figure, close=True), exclude=_TEXTS)
