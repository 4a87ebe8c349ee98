"""``sb3-entropy plot_train | all_plots | plot_from_file``: rl-zoo's plots, saved where no window can be shown."""

from collections.abc import Sequence

from sb3_entropy.zoo.commands import run_command


def run_plot_train(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0
    """
    run_command("plot_train", arguments)
    return 0


def run_all_plots(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0
    """
    run_command("all_plots", arguments)
    return 0


def run_plot_from_file(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0
    """
    run_command("plot_from_file", arguments)
    return 0
