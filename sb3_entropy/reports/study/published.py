"""What the source of a study reports, beside what its runs have found."""

import math
from collections.abc import Mapping

from sb3_entropy.reports.wording import as_stated
from sb3_entropy.statistics import Interval
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.published import published_values
from sb3_entropy.studies.spec import Study


def beside(
    plan: Plan, ours: Mapping[tuple[str, str], Mapping[str, Interval | None]]
) -> dict[str, dict[tuple[str, str], str]]:
    """
    :param plan: a study's
    :param ours: estimates by (variant's label, environment) and measure
    :return: texts such as ``0.932, outside (ours lower)`` by measure, for those of which something is published, and by
        (variant's label, environment)
    :raises ValueError: if a published number belongs to nothing in the study
    """
    texts: dict[str, dict[tuple[str, str], str]] = {}
    for (measure, env_id, label), value in published_values(plan).items():
        place = standing(value, ours.get((label, env_id), {}).get(measure))
        texts.setdefault(measure, {})[label, env_id] = ", ".join(filter(None, [as_stated(value), place]))
    return texts


def standing(published: float, ours: Interval | None) -> str:
    """
    :param published: the source's number
    :param ours: our estimate
    :return: ``inside`` our interval, its ends included, or ``outside (ours lower)`` or ``outside (ours higher)``;
        empty if there is no interval
    """
    if ours is None or math.isnan(ours.low) or math.isnan(ours.high):
        return ""
    # The mean of equal scores need not be that score to the last bit.
    if ours.low <= published <= ours.high or math.isclose(published, ours.low) or math.isclose(published, ours.high):
        return "inside"
    return "outside (ours lower)" if ours.high < published else "outside (ours higher)"


def published_note(study: Study) -> str:
    """
    :param study: a study
    :return: in a sentence, what a column of published numbers is
    """
    note = " ".join(study.published.note.split()).rstrip(".")
    source = f"what the source reports ({note})" if note else "what the source reports"
    return f"Published: {source}, inside or outside our interval, which knows nothing of the uncertainty of theirs."
