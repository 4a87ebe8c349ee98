"""Made-up data for figures."""

from typing import Any

import numpy as np

from sb3_entropy.plots.study.figure_data import ArmData, Comparison, FigureData, MeasureInfo
from sb3_entropy.statistics import Difference, Interval


def arm(
    group: str, environment: str = "E-v0", n: int = 5, points: int = 6, top: float = 1.0, **settings: Any
) -> ArmData:
    rng = np.random.default_rng(len(group) + n)
    steps = np.arange(1.0, points + 1) * 100
    curve = top * (1 - np.exp(-steps / 200)) + rng.normal(0, 0.05, (n, points))
    label = ", ".join([group, *(f"{key}={value}" for key, value in settings.items())])
    curves = {"deterministic/return": curve, "policy/entropy": 1 - curve}
    scores = {"final": curve[:, -1], "other": rng.normal(size=n)}
    return ArmData(label, group, settings, environment, np.arange(n), steps, curves, scores)


def comparison(
    treatment: str, control: str, outcome: str = "supported", value: float = 2.0, **changes: Any
) -> Comparison:
    difference = Difference(value, value - 1, value + 1, 0.95, "t", 5, 0.01, 0.99, 0.0)
    given: dict[str, Any] = {
        "criterion": "higher",
        "measure": "final",
        "unit": "return",
        "environment": "E-v0",
        "difference": difference,
        "improvement": Interval(0.9, 0.7, 0.98, 0.95, "t"),
        "p_adjusted": 0.01,
        "margins": (0.5,),
    }
    return Comparison(treatment=treatment, control=control, outcome=outcome, **{**given, **changes})


def data(*arms: ArmData, **changes: Any) -> FigureData:
    measures = {
        "final": MeasureInfo("final", "The last return.", "return", True),
        "other": MeasureInfo("other", "Noise."),
    }
    return FigureData(**{"study": "s", "arms": arms, "measures": measures, **changes})


def swept() -> FigureData:
    """Two arms that sweep alpha and gamma, one that sweeps gamma alone; two environments, one in other units."""
    arms = [
        arm(group, env, top=top * (1 if env == "E-v0" else 100), **settings)
        for env in ("E-v0", "F-v0")
        for gamma in (0.9, 0.99)
        for group, top, settings in [
            ("plain", 1.0, {"gamma": gamma}),
            *(("soft", 1 + alpha, {"gamma": gamma, "alpha": alpha}) for alpha in (0.01, 0.1)),
            *(("hard", 1 - alpha, {"gamma": gamma, "alpha": alpha}) for alpha in (0.01, 0.1)),
        ]
    ]
    return data(
        *arms,
        score_ranges={"E-v0": (0.0, 1.0), "F-v0": (0.0, 100.0)},
        comparisons=(
            comparison(arms[1].label, arms[0].label),
            comparison(arms[3].label, arms[0].label, "refuted", -2.0),
        ),
    )
