"""The report: one page that needs nothing else, with its figures and tables as files beside it."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from sb3_entropy.plots.study.estimates import FEWEST_DRAWN
from sb3_entropy.plots.study.figure_data import FigureData
from sb3_entropy.registry import FIGURES
from sb3_entropy.reports.page import DrawnFigure, draw_figure, publish, render
from sb3_entropy.reports.study.conditions import conditions, failures, missing
from sb3_entropy.reports.study.coverage import comparison_note, coverage_note
from sb3_entropy.reports.study.curves import embed
from sb3_entropy.reports.study.data import figure_data
from sb3_entropy.reports.study.published import beside, published_note
from sb3_entropy.reports.study.tables import comparisons_csv, runs_csv, score_rows, scores_csv, statistic_of
from sb3_entropy.reports.wording import better, comparison_heads, duration
from sb3_entropy.studies.cautions import blind_spot
from sb3_entropy.studies.commands import commands, run_command
from sb3_entropy.studies.notes import noted
from sb3_entropy.studies.results import StudyResults
from sb3_entropy.studies.spec import Study

MOST_ROWS = 300
SIGNS = {"supported": "✓", "refuted": "✕", "undecided": "?"}
_HERE = Path(__file__).parent


def write_report(results: StudyResults, folder: Path) -> Path:
    """
    Write ``index.html``, each figure as SVG and PNG, ``scores.csv``, ``comparisons.csv`` and ``runs.csv``. Each file
    is replaced in one step, the page last, so that a reader never sees half of one.

    :param results: a study's results
    :param folder: where to write; made if it does not exist
    :return: the page
    :raises ValueError: if a published number belongs to nothing in the study
    """
    data = figure_data(results)
    figures = draw_figures(results, data)
    rows = score_rows(results.study, data)
    files = {name: content for figure in figures for name, content in figure.files}
    tables = {
        "scores.csv": scores_csv(results.plan, data, rows),
        "comparisons.csv": comparisons_csv(data),
        "runs.csv": runs_csv(results),
        "index.html": _page(results, data, figures, rows, folder),
    }
    files.update({name: text.encode() for name, text in tables.items()})
    publish(files, folder)
    return folder / "index.html"


def draw_figures(results: StudyResults, data: FigureData) -> list[DrawnFigure]:
    """
    :param results: a study's results
    :param data: the same in arrays
    :return: the study's figures. One that fails says why; the others are drawn all the same
    """
    return [_draw(index, chosen, data) for index, chosen in enumerate(results.study.figures, 1)]


def _draw(number: int, chosen: dict[str, Any], data: FigureData) -> DrawnFigure:
    name = chosen["figure"]
    options = {key: value for key, value in chosen.items() if key != "figure"}
    return draw_figure(number, name, lambda theme: FIGURES.get(name)(data, theme, **options))


def _curves_of_figures(study: Study) -> list[str]:
    """The curves that the study draws, if it does not begin with those that every study has."""
    figures = [figure for figure in study.figures if figure["figure"] == "learning_curves"]
    begins_with_its_own = bool(figures) and "curve" in figures[0]
    return [figure["curve"] for figure in figures if "curve" in figure] if begins_with_its_own else []


def _page(results: StudyResults, data: FigureData, figures: list[DrawnFigure], rows: list[Any], folder: Path) -> str:
    study, verdict = results.study, results.verdict
    run_ids = {(run.arm, run.environment, run.seed): run.run_id for run in results.runs}
    embedded = embed(data, run_ids, first=_curves_of_figures(study))
    listed, kinds = failures(results.runs)
    found = conditions(results.runs)
    return render(
        _HERE,
        results=results,
        study=study,
        verdict=verdict,
        signs=SIGNS,
        level=f"{100 * study.level:g} %",
        finished=sum(run.status == "finished" for run in results.runs),
        failed=sum(run.status == "failed" for run in results.runs),
        n_arms=len({run.arm for run in results.runs}),
        wall_time=duration(found.wall_seconds) if found.wall_seconds > 0 else "",
        figures=[figure.marked for figure in figures],
        rows=rows,
        measures=list(data.measures.values()),
        statistic_of=lambda measure: statistic_of(study, measure),
        coverage=coverage_note(study, rows),
        drawn_coverage=coverage_note(study, rows, FEWEST_DRAWN),
        heads_of=comparison_heads,
        beside=beside(results.plan, {(row.arm.label, row.arm.environment): row.estimates for row in rows}),
        published_note=published_note(study),
        comparison_note=comparison_note,
        better=better,
        arms=list(dict.fromkeys(arm.label for arm in data.arms)),
        environments=data.environments,
        several=len(study.environments) > 1,
        pair=data.pair,
        shares_settings=lambda criterion: any(data.pair(c.treatment, c.control)[2] for c in criterion.comparisons),
        cells={(arm.label, arm.environment) for arm in data.arms},
        embedded=embedded,
        embedded_json=Markup(embedded.json()),
        command=commands(results, folder.parent),
        retry_command=f"{run_command(study, results.store)} --retry-failed",
        judged=noted(results, study.criteria, verdict.criteria),
        judged_before=[
            noted(results, change.criteria, before.criteria, decides=False) if before else []
            for change, before in zip(study.changes, verdict.former, strict=True)
        ],
        exhibited=noted(results, study.exhibits, verdict.exhibits, decides=False),
        blind_spot=blind_spot(study),
        conditions=found,
        failures=listed,
        failure_kinds=kinds,
        missing=missing(results),
        most_rows=MOST_ROWS,
        nan=float("nan"),
    )
