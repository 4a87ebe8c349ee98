"""rl-zoo's commands, run with our algorithms, parser and experiment in the place of its own."""

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from types import SimpleNamespace
from typing import Any

from sb3_entropy.zoo.plots import gathered_results, plot_replacements
from sb3_entropy.zoo.rl_zoo import import_rl_zoo

#: the module of rl-zoo in which a command's function of the same name is
MODULES = {
    "train": "rl_zoo3.train",
    "enjoy": "rl_zoo3.enjoy",
    "plot_train": "rl_zoo3.plots.plot_train",
    "plot_from_file": "rl_zoo3.plots.plot_from_file",
    "all_plots": "rl_zoo3.plots.all_plots",
}


PLOTS = ("plot_train", "plot_from_file", "all_plots")


def run_command(command: str, arguments: Sequence[str]) -> None:
    """
    :param command: one of :data:`MODULES`
    :param arguments: its command line
    :raises ImportError: if rl_zoo3 is not installed
    :raises ValueError: if an argument is wrong
    """
    module = import_rl_zoo(MODULES[command])
    from sb3_entropy.zoo.experiment import Experiment
    from sb3_entropy.zoo.parser import ZooParser
    from sb3_entropy.zoo.watching import Watched

    given = Namespace()
    parser = partial(ZooParser, command=command, given=given)
    replaced: dict[str, Any] = {"argparse": SimpleNamespace(ArgumentParser=parser)}
    if command == "train":
        replaced["ExperimentManager"] = Experiment
    if command in PLOTS:
        replaced.update(plot_replacements(command, module))
    if command == "enjoy":
        replaced.update(Watched(module, given).replacements())
    complaints = gathered_results() if command == "plot_from_file" else nullcontext()
    with complaints, _replaced(module, replaced), _replaced(sys, {"argv": [f"sb3-entropy {command}", *arguments]}):
        getattr(module, command)()


@contextmanager
def _replaced(owner: Any, names: dict[str, Any]) -> Iterator[None]:
    kept = {name: getattr(owner, name) for name in names}
    try:
        for name, value in names.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in kept.items():
            setattr(owner, name, value)
