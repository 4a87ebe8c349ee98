"""All verdicts on one page of the documentation."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sb3_entropy.reports.study.data import figure_data, measure_info
from sb3_entropy.reports.study.page import SIGNS
from sb3_entropy.reports.study.published import beside, published_note
from sb3_entropy.reports.study.tables import score_rows, statistic_of
from sb3_entropy.reports.wording import NOTHING, estimate, p_value, seeds_text
from sb3_entropy.studies.commands import commands_for
from sb3_entropy.studies.criteria import Change
from sb3_entropy.studies.evidence import Evidence, OurScores
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.published import published_values
from sb3_entropy.studies.results import StudyResults
from sb3_entropy.studies.verdict import ComparisonResult, CriterionResult, Verdict

MOST_ROWS = 24

_HEAD = """\
# Evidence

Each row is a study: a claim, and what its runs say about it by a rule that stands in the study's YAML. The runs are
committed in `evidence/` as small files, so that this page, and each study's report, can be made again without training:
`sb3-entropy evidence`, `sb3-entropy study report <name>`. The commands below do the training itself.

A claim is *supported* if every criterion of its rule is, *refuted* if one of them is, and otherwise *undecided*. Where
a rule was changed after its runs had been seen, its section says why, and what the rule before the change says of the
same runs.

**Levels.** p is one-sided, for what the criterion expects, after Holm's correction over the criterion's comparisons. A
comparison is *supported* if p ≤ 2.5 %, and *refuted* if the test of the opposite has p ≤ 2.5 %, which is corrected over
the comparisons of all criteria and not printed. Where a difference is expected to lie *within ±margin*, two one-sided
tests have to reach the same 2.5 %. Differences are treatment − control on shared
seeds, or treatment − a number. Their intervals are of 95 % and of one comparison each, without Holm's correction: one
of many can exclude the margin while its comparison is undecided. P(improvement) is the probability that a run of the
treatment is better than a run of the control, with its interval. What such intervals cover at ten seeds, and how far
tests of a mean can miss their level: [Statistics](statistics.md).
"""


def evidence_of(results: StudyResults) -> Evidence:
    """
    :param results: a study's results
    :return: what is said of them on the page
    :raises ValueError: if a number that the study says is published belongs to nothing in it
    """
    finished = [run for run in results.runs if run.status == "finished"]
    return Evidence(
        study=results.study,
        verdict=replace(results.verdict, exhibits=()),
        finished=len(finished),
        failed=len(results.runs) - len(finished),
        missing=results.missing,
        seeds=tuple(sorted({run.seed for run in finished})),
        tried=len({run.seed for run in results.runs}),
        ours=_ours(results),
    )


def _ours(results: StudyResults) -> tuple[OurScores, ...]:
    published = published_values(results.plan)
    if not published:
        return ()
    cells = {(label, environment) for _, environment, label in published}
    measures = {measure for measure, _, _ in published}
    return tuple(
        OurScores(
            row.arm.label,
            row.arm.environment,
            row.n_text,
            {measure: found for measure, found in row.estimates.items() if measure in measures},
        )
        for row in score_rows(results.study, figure_data(results))
        if (row.arm.label, row.arm.environment) in cells
    )


def evidence_markdown(studies: Sequence[Evidence]) -> str:
    """
    :param studies: the evidence of studies, in the order in which they are to stand
    :return: a page in Markdown: a table of all verdicts, then a section a study. The same evidence gives the same text
    """
    lines = [_HEAD, "| Study and claim | Verdict | What decides | Seeds |", "|---|---|---|---|"]
    for evidence in studies:
        study, verdict = evidence.study, evidence.verdict
        decides = "<br>".join(f"{_cell(c.name)}: {_decisive(c)}" for c in verdict.criteria)
        claim = f"[{study.name}](#{study.name.lower()})<br>{_cell(study.claim)}"
        former = [f"<br>before its rule was changed: {_sign(before.outcome)}" for before in verdict.former if before]
        said = f"{SIGNS[verdict.outcome]} **{verdict.outcome}**{''.join(former)}"
        seeds = f"{len(evidence.seeds)} ({seeds_text(evidence.seeds)})" if evidence.seeds else "0"
        cells = [claim, said, decides, seeds]
        lines.append(f"| {' | '.join(cells)} |")
    if not studies:
        lines.append("| none yet | | | |")
    for evidence in studies:
        lines += ["", *_section(evidence)]
    return "\n".join(lines) + "\n"


def deciding(criterion: CriterionResult) -> ComparisonResult | None:
    """
    :param criterion: a judged criterion
    :return: of the comparisons that have its outcome, the one that says so least clearly if all have to say it, and
        most clearly if one is enough
    """
    agreeing = [c for c in criterion.comparisons if c.outcome == criterion.outcome and c.difference is not None]
    if not agreeing:
        return None
    enough = criterion.outcome == "supported" and len(agreeing) < len(criterion.comparisons)
    return min(agreeing, key=lambda c: c.p_adjusted) if enough else max(agreeing, key=lambda c: c.p_adjusted)


def _section(evidence: Evidence) -> list[str]:
    study, verdict, failed, missing = evidence.study, evidence.verdict, evidence.failed, evidence.missing
    gaps = [f"{failed} failed"] * bool(failed) + [f"{missing} missing"] * bool(missing)
    lines = [f"## {study.name}", ""]
    lines += [f"*{_text(study.question)}*", ""] if study.question else []
    lines += [f"**Claim.** {_text(study.claim)} ({_text(study.source)})", ""]
    lines += [f"**Verdict.** {_sign(verdict.outcome)}, from {', '.join([f'{evidence.finished} runs', *gaps])}."]
    lines += ["", f"**Finding.** {study.finding.strip()}"] if study.finding.strip() else []
    for change, before in zip(study.changes, verdict.former, strict=True):
        lines += ["", *_change(change, before)]
    for criterion in verdict.criteria:
        lines += ["", f"**{_text(criterion.name)}: {criterion.outcome}.** {_text(criterion.rule)}", ""]
        lines += _table(criterion)
    if study.published.numbers:
        lines += ["", *published_table(evidence)]
    return [*lines, "", "```sh", commands_for(study, evidence.tried), "```"]


def _change(change: Change, before: Verdict | None) -> list[str]:
    lines = [f"**Changed after the runs.** {_text(change.why)}"]
    lines += ["", f"The claim stood: {_text(change.claim)}"] if change.claim else []
    if before is not None:
        lines += ["", f"By the rule as it stood before, of the same runs: {_sign(before.outcome)}.", ""]
        lines += [f"- {_text(c.name)}: {c.outcome}. {_text(c.rule)} {_decisive(c)}." for c in before.criteria]
    return lines


def _sign(outcome: str) -> str:
    return f"{SIGNS[outcome]} {outcome}"


def _table(criterion: CriterionResult) -> list[str]:
    if not criterion.comparisons:
        return ["There was nothing to compare."]
    unit = f" ({criterion.unit})" if criterion.unit else ""
    lines = [
        f"| Treatment | Control | Environment | n | Difference{unit} | p | P(improvement) | Outcome |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for c in criterion.comparisons[:MOST_ROWS]:
        p = p_value(c.p_adjusted) if c.difference is not None else "–"
        cells = [_cell(c.treatment), _cell(c.control), _cell(c.environment), str(c.n), estimate(c.difference), p]
        lines.append(f"| {' | '.join([*cells, estimate(c.improvement), c.outcome])} |")
    if len(criterion.comparisons) > MOST_ROWS:
        lines += ["", f"The first {MOST_ROWS} of {len(criterion.comparisons)} comparisons; the report has them all."]
    return lines


def published_table(evidence: Evidence) -> list[str]:
    """
    :param evidence: of a study that has published numbers
    :return: lines of Markdown: what the numbers are, and a row for every arm and environment that has any, with our
        scores, by the report's statistic and intervals, beside them
    """
    plan = Plan(evidence.study)
    study = plan.study
    done = {(row.arm, row.environment): row for row in evidence.ours}
    theirs = beside(plan, {cell: row.estimates for cell, row in done.items()})
    header = ["Arm", "Environment", "n"]
    for measure in theirs:
        unit = measure_info(measure).unit
        header += [f"{statistic_of(study, measure)} {measure}{f' ({unit})' if unit else ''}", "published"]
    lines = [f"**Published numbers beside ours.** {_text(published_note(study))}", ""]
    lines += [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for env_id, variant in itertools.product(study.environments, plan.variants):
        cell = variant.label, env_id
        if any(cell in of_measure for of_measure in theirs.values()):
            row = done.get(cell)
            cells = [_cell(variant.label), _cell(env_id), row.n if row else "0"]
            for measure, of_measure in theirs.items():
                cells += [estimate(row.estimates[measure] if row else None), of_measure.get(cell, NOTHING)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _decisive(criterion: CriterionResult) -> str:
    counts = Counter(comparison.outcome for comparison in criterion.comparisons)
    total = len(criterion.comparisons)
    tally = ", ".join(f"{counts[outcome]} of {total} {outcome}" for outcome in SIGNS if counts[outcome])
    comparison = deciding(criterion)
    if comparison is None:
        return tally or "nothing to compare"
    unit = f" {criterion.unit}" if criterion.unit else ""
    number = f"{estimate(comparison.difference)}{unit}, p {_equals(p_value(comparison.p_adjusted))}"
    if total == 1:
        return number
    where = f"{_cell(comparison.treatment)} − {_cell(comparison.control)}, {_cell(comparison.environment)}"
    return f"{tally}; {number} ({where})"


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _text(text: str) -> str:
    """One line of text, without HTML."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")
