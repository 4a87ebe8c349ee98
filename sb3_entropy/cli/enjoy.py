"""``sb3-entropy enjoy``: rl-zoo's, under the statistics that were the agent's own."""

from collections.abc import Sequence

from sb3_entropy.zoo.commands import run_command


def run_enjoy(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0
    """
    run_command("enjoy", arguments)
    return 0
