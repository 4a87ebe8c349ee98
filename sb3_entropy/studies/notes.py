"""What stands below the comparisons of a criterion: cautions, what would decide, and what each arm does."""

from collections.abc import Sequence
from dataclasses import dataclass

from sb3_entropy.studies.arm_summaries import ArmSummary, arm_summaries, failure_notes
from sb3_entropy.studies.cautions import cautions
from sb3_entropy.studies.criteria import Criterion
from sb3_entropy.studies.outlook import outlook
from sb3_entropy.studies.paired import Scores
from sb3_entropy.studies.results import StudyResults
from sb3_entropy.studies.verdict import CriterionResult


@dataclass(frozen=True)
class Notes:
    """
    :param cautions: what should make a reader careful
    :param outlook: what would decide, if it is undecided
    :param arms: beside the statistic that is compared: the other one, the worst run, and how many fail
    :param failures: what counts as one
    """

    cautions: list[str]
    outlook: list[str]
    arms: list[ArmSummary]
    failures: list[str]


def noted(
    results: StudyResults, stated: Sequence[Criterion], judged: Sequence[CriterionResult], decides: bool = True
) -> list[tuple[CriterionResult, Notes]]:
    """
    :param results: a study's results
    :param stated: criteria
    :param judged: what became of them
    :param decides: whether the verdict rests on them: what would decide is asked of no others
    :return: each with its notes
    """
    scores = Scores(results)
    return [
        (
            result,
            Notes(
                cautions(results.study, scores, criterion, result),
                outlook(scores, criterion, result) if decides else [],
                arm_summaries(scores, result),
                failure_notes(scores, result),
            ),
        )
        for criterion, result in zip(stated, judged, strict=True)
    ]
