"""What a gradient step of SAC-AdaEnt costs with each rule, beside one of Stable-Baselines3's SAC."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from stable_baselines3 import SAC

from benchmarks.timing.intervals import median_interval
from benchmarks.timing.pairs import Contestant, time_rounds
from sb3_entropy import SACAdaEnt

#: gradient steps that are timed at once; of the rules that ask for all samples a few
STEPS, FEW = 20, 4
SLOW = ("exact", "bfloat16", "sequential")
SAC_ITSELF, NO_RULE = "SB3's SAC", "none"


def costs(env_id: str, rules: Sequence[str], threshold: float, rounds: int, before: int = 600) -> dict[str, Any]:
    """
    Contestants take turns; processor time counts.

    :param env_id: whose sizes
    :param rules: by name
    :param threshold: ε
    :param rounds: how many
    :param before: steps that each model has trained beforehand, with the cheapest rule
    :return: of each rule, and of four critics without one: milliseconds a step, and the ratio to SAC's
    """
    models: dict[str, Any] = {SAC_ITSELF: SAC("MlpPolicy", env_id, seed=0, device="cpu", buffer_size=before)}
    for name in (NO_RULE, *rules):
        given = {"similarity_threshold": -1.0} if name == NO_RULE else {"similarity_threshold": threshold}
        models[name] = SACAdaEnt(
            "MlpPolicy", env_id, seed=0, device="cpu", buffer_size=before, similarity_rule="linear", **given
        )
    for name, model in models.items():
        model.learn(before)
        if name in rules:
            model.similarity_rule = name

    def contestant(name: str) -> Contestant:
        steps = FEW if name in SLOW else STEPS

        def prepare(seed: int) -> Callable[[], object]:
            return lambda: models[name].train(steps, 256)

        return prepare

    times = time_rounds({name: contestant(name) for name in models}, rounds).cpu
    a_step = {name: [1e3 * seconds / (FEW if name in SLOW else STEPS) for seconds in times[name]] for name in models}
    return {
        name: {
            "milliseconds": statistics.median(own),
            "ratio": median_interval([a / b for a, b in zip(own, a_step[SAC_ITSELF], strict=True)]).__dict__,
        }
        for name, own in a_step.items()
    }
