"""rl-zoo's plots, which show a window, where there is none; and its tables, where nothing was evaluated."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

#: what rl-zoo writes where an agent was never evaluated; a result has no decimals
_NOTHING = "0.0 +/- 0.0"


def plot_replacements(command: str, module: Any) -> dict[str, Any]:
    """
    :param command: one of rl-zoo's that plot
    :param module: its module
    :return: what stands in for the names in the module: figures are saved where no window can be shown
    """
    replaced: dict[str, Any] = {"plt": _Pyplot(command, module.plt)}
    if hasattr(module, "pytablewriter"):
        writer = type("MarkdownTableWriter", (_HonestTable, module.pytablewriter.MarkdownTableWriter), {})
        replaced["pytablewriter"] = SimpleNamespace(MarkdownTableWriter=writer)
    return replaced


class _Pyplot:
    """Matplotlib's ``pyplot`` with another ``show``."""

    def __init__(self, command: str, pyplot: Any):
        self._command = command
        self._pyplot = pyplot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pyplot, name)

    def show(self) -> None:
        """
        :raises ValueError: if nothing has been drawn
        """
        figures = [self._pyplot.figure(number) for number in self._pyplot.get_fignums()]
        if not any(axes.has_data() for figure in figures for axes in figure.axes):
            raise ValueError(
                "There is nothing to plot: no run of this algorithm and environment in the folder has the data. Check "
                "folder and names; plot_train leaves out runs with fewer episodes than --episode-window (100), and "
                "all_plots those without evaluations (--eval-freq of train)."
            )
        if figures[0].canvas.manager_class.__module__ != "matplotlib.backend_bases":  # a window has its own manager
            self._pyplot.show()
            return
        for number, figure in enumerate(figures, 1):
            file = Path(f"{self._command}-{number}.png" if len(figures) > 1 else f"{self._command}.png")
            figure.savefig(file, dpi=150)
            print(f"There is no display: saved {file.absolute()}")
        self._pyplot.close("all")


class _HonestTable:
    """A table in which what was never evaluated is said to be so, also in the file that is written from it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "value_matrix":
            for row in value:
                row[:] = ["not evaluated" if cell == _NOTHING else cell for cell in row]
        super().__setattr__(name, value)


@contextmanager
def gathered_results() -> Iterator[None]:
    """
    :raises ValueError: if a plot finds no results where it looks for some
    """
    try:
        yield
    except KeyError as error:
        raise ValueError(
            f"The gathered results have nothing under {error}: not every algorithm was evaluated in every environment. "
            "Leave those out that were not, with --skip-envs or --skip-keys, or gather again with all_plots."
        ) from error
