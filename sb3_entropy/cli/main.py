"""
``sb3-entropy <command> …``: finds the command, and turns an error into one message and an exit code.

Exit codes: 0, all went well; 1, something failed; 2, the input was wrong; 130, interrupted; 141, nobody
reads the output any more.
"""

import io
import os
import select
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version

from sb3_entropy.errors import missing_module, unknown

#: by name: the module in this package and its function; what it is for
COMMANDS = {
    "train": ("train:run_train", "train an agent, continue one (-i), or search hyperparameters (-optimize)"),
    "enjoy": ("enjoy:run_enjoy", "watch a trained agent"),
    "plot_train": ("plots:run_plot_train", "plot the returns of training episodes"),
    "all_plots": ("plots:run_all_plots", "gather evaluations of several runs, plot and tabulate them"),
    "plot_from_file": ("plots:run_plot_from_file", "plot again what all_plots has gathered"),
    "frames": ("frames:run_frames", "save pictures of a trained agent at work"),
    "benchmark": (
        "benchmark:run_benchmark",
        "evaluate every trained agent of a log folder; a table in Markdown and CSV",
    ),
    "compare": (
        "compare:run_compare",
        "does entropy help my task? the 2×2 at a few temperatures, with several seeds and a report",
    ),
    "study": (
        "study:run_study_command",
        "list, run, report, export, import, check: claims, their runs and their verdicts",
    ),
    "probe": (
        "probe:run_probe",
        "what the landscape of the return is like around an agent: perturbations, lines, planes, curvature, spectrum; "
        "and soft and plain Q over its actions",
    ),
    "evidence": ("evidence:run_evidence", "gather the verdicts of all studies into one page"),
    "list": ("listing:run_list", "show algorithms, std schemes, action distributions and environments"),
    "demo": ("demo:run_demo", "train SPPO and PPO on Pendulum in a few minutes, and compare them in a figure"),
}
_BAD_INPUT = (ValueError, TypeError, NotImplementedError, ImportError, FileNotFoundError, AssertionError)
_ON = ("1", "true", "yes", "on")
#: the causes of what was raised in another process
_FROM_ELSEWHERE = ("RemoteTraceback", "_RemoteTraceback")


def main(argv: Sequence[str] | None = None) -> int:
    """
    :param argv: the command line without the program's name; the process's own if ``None``
    :return: the exit code
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None and not sys.flags.safe_path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as python -m does: environments and classes of the working folder are found
    debug = "--debug" in arguments or os.environ.get("SB3_ENTROPY_DEBUG", "").lower() in _ON
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # what its encoding has no letter for, e.g. α in cp1252
    try:
        code = _run([argument for argument in arguments if argument != "--debug"])
        sys.stdout.flush()
    except SystemExit as exit_:
        if _nobody_reads():
            return 141
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return 141
        if debug:
            raise
        print(f"Error: {_describe(error)}", file=sys.stderr)
        return 2 if isinstance(error, _BAD_INPUT) else 1
    return code


def _nobody_reads() -> bool:
    """Whether standard output leads to a pipe that its reader has closed, as ``head`` does when it has enough."""
    try:
        sys.stdout.flush()
        output = select.poll()
        output.register(sys.stdout.fileno(), 0)
        closed = any(event & select.POLLERR for _, event in output.poll(0))
    except BrokenPipeError:
        closed = True
    except (OSError, ValueError, AttributeError):  # no file; no poll() on Windows
        closed = False
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
    return closed


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"sb3-entropy {version('sb3-entropy')}")
        return 0
    command, *rest = arguments
    if command not in COMMANDS:
        raise ValueError(unknown("command", command, COMMANDS))
    return _find(command)(rest)


def _find(command: str) -> Callable[[Sequence[str]], int]:
    """Import what the command needs, and nothing else: ``list`` and ``--help`` start fast."""
    module, _, name = COMMANDS[command][0].partition(":")
    run: Callable[[Sequence[str]], int] = getattr(import_module(f"sb3_entropy.cli.{module}"), name)
    return run


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: sb3-entropy <command> [options]",
            "",
            *lines,
            "",
            "sb3-entropy <command> --help shows a command's options; train, enjoy and the plots have rl-zoo's.",
            "--version shows the version; --debug, or SB3_ENTROPY_DEBUG=1, shows the traceback of an error.",
        ]
    )


def _describe(error: Exception) -> str:
    text = str(error).strip()
    place = traceback.extract_tb(error.__traceback__)[-1:]
    # Our own messages say what to do; another's, e.g. of the user's environment, do not say where they come from.
    if isinstance(error, ImportError) and (missing := missing_module(error)):
        return missing
    if text and _is_ours(error):
        return text
    where = "".join(f" It was raised at {frame.filename}:{frame.lineno}, in {frame.name}." for frame in place)
    return f"{type(error).__name__}: {text or 'no message'}. Run again with --debug for the traceback.{where}"


def _is_ours(error: Exception) -> bool:
    if type(error).__module__.startswith("sb3_entropy."):
        return True
    if not isinstance(error, _BAD_INPUT) or type(error.__cause__).__name__ in _FROM_ELSEWHERE:
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    module = str(frames[-1].f_globals.get("__name__", "")) if frames else ""
    return module.partition(".")[0].startswith("sb3_entropy")
