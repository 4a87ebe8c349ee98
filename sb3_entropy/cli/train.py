"""``sb3-entropy train``: rl-zoo's, with our algorithms, checked presets and batches of environments."""

from collections.abc import Sequence

from sb3_entropy.zoo.commands import run_command


def run_train(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0
    """
    run_command("train", arguments)
    return 0
