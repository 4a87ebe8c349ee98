"""The study that asks whether entropy helps on one environment: in the return × in the improvement × a few α."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from sb3_entropy.presets.build import find_algorithm
from sb3_entropy.presets.stand_ins import can_be_normalized, policy_for, spaces_of
from sb3_entropy.presets.stock import is_off_policy
from sb3_entropy.studies.spec import Study, parse_study

#: α in units of the normalised reward: the discounted return has a standard deviation near 1 there
DEFAULT_ALPHAS = (0.001, 0.01)
DEFAULT_TIMESTEPS = 100_000
DEFAULT_SEEDS = 10
DEFAULT_ALGORITHM = "sppo"
HEADER = "# Made by sb3-entropy compare, which writes it anew: copy it before you change it.\n"
ESTIMAND = (
    "What decides is the interquartile mean (IQM) over the seeds: the typical run, the mean of the middle half. It "
    "does not see what happens to fewer than a quarter of the runs; mean, worst run and failures stand beside it."
)
WHERE: dict[str, dict[str, bool]] = {
    "in the improvement": {"entropy_in_return": False},
    "in the return": {"entropy_in_improvement": False},
    "in both": {},
}
#: of an off-policy algorithm, whose critics and actor have the same α
WHERE_OFF_POLICY: dict[str, dict[str, bool]] = {"in both": {}}


def comparison_name(env_id: str, algo: str) -> str:
    """
    :param env_id: an environment
    :param algo: an algorithm's key
    :return: what the study is called, and its folder
    """
    return f"compare_{algo}_{env_id}".replace("/", "-").replace(":", "-")


def suited(env_id: str, env_kwargs: Mapping[str, Any] | None = None) -> tuple[str, bool]:
    """
    :param env_id: an environment
    :param env_kwargs: its settings
    :return: the policy for its observations, and whether these can be normalised
    :raises ValueError: if there is no such environment
    """
    observations, _ = spaces_of(env_id, env_kwargs)
    return policy_for(observations), can_be_normalized(observations)


def comparison_study(
    env_id: str,
    algo: str = DEFAULT_ALGORITHM,
    *,
    alphas: Sequence[float] = DEFAULT_ALPHAS,
    timesteps: int | None = None,
    seeds: int = DEFAULT_SEEDS,
    preset: str | None = None,
    policy: str = "MlpPolicy",
    norm_obs: bool = True,
    env_kwargs: Mapping[str, Any] | None = None,
    packages: Sequence[str] = (),
    origin: str = "",
) -> Study:
    """
    The 2×2 of Liu et al. 2020: α·H in the return (Eq. 35), in the improvement (Eqs. 38 and 41), in both or in neither,
    which is the algorithm's parent. Off-policy, where nothing switches one of them off, in both or in neither.

    :param env_id: the environment
    :param algo: one of ours
    :param alphas: the temperatures, in units of the reward that is learned from
    :param timesteps: steps a run; the preset's, or 100,000, if ``None``
    :param seeds: runs an arm
    :param preset: an algorithm's key or a file with hyperparameters for the environment; if ``None``, the parent's
        defaults with normalised observations and rewards
    :param policy: the policy's name, where there is no preset
    :param norm_obs: whether to normalise observations, where there is no preset
    :param env_kwargs: the environment's settings
    :param packages: modules that register the environment when they are imported
    :param origin: where the YAML will be kept
    :return: the study, whose ``document.text`` is the YAML
    """
    arm = {"algo": algo, **({"preset": preset} if preset else {})}
    swept = {"sweep": {"ent_coef": list(alphas)}}
    arms = {"neither": {**arm, "hyperparams": {"ent_coef": 0.0}}}
    places = WHERE_OFF_POLICY if is_off_policy(find_algorithm(algo)) else WHERE
    for name, flags in places.items():
        arms[name] = {**arm, **({"hyperparams": dict(flags)} if flags else {}), **swept}
    own = _arguments(algo, alphas, timesteps, seeds, preset)
    environment = ["--env", env_id, *(["--gym-packages", *packages] if packages else [])]
    settings = [f"{key}:{value}" for key, value in (env_kwargs or {}).items()]
    environment += ["--env-kwargs", *settings] if settings else []
    command = shlex.join(["sb3-entropy", "compare", *environment, *own])
    if preset is None and timesteps is None:
        timesteps = DEFAULT_TIMESTEPS

    def against(treatment: str, control: str, **more: str) -> dict[str, str]:
        given = {"measure": "final_return", "treatment": treatment, "control": control, "expect": "greater"}
        return {"name": f"{treatment} against {control}", **given, "statistic": "iqm", **more}

    values = {
        "question": f"Does entropy help {algo} on {env_id}?",
        "claim": f"On {env_id}, the typical run of {algo} with entropy in the return and in the improvement ends with "
        "a higher return than that without entropy, for at least one of the temperatures that were tried.",
        "source": command,
        "remarks": ESTIMAND,
        **({"packages": list(packages)} if packages else {}),
        "environments": {env_id: {"env_kwargs": dict(env_kwargs)}} if env_kwargs else [env_id],
        **({"timesteps": timesteps} if timesteps else {}),
        "seeds": seeds,
        **({} if preset else {"hyperparams": {"policy": policy, "normalize": {"norm_obs": norm_obs}}}),
        "arms": arms,
        "measures": ["final_return", "final_sampled_return", "mean_return", "late_spread", "entropy", "outside_box"],
        "decision": [against("in both", "neither", require="any")],
        "also": [
            against(treatment, control)
            for treatment, control in (
                ("in the improvement", "neither"),
                ("in the return", "neither"),
                ("in both", "in the improvement"),
            )
            if {treatment, control} <= arms.keys()
        ],
        "figures": [
            "learning_curves",
            {"figure": "learning_curves", "curve": "policy/entropy"},
            {"figure": "scores", "measure": "final_return"},
            "differences",
        ],
    }
    text = HEADER + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120)
    name = comparison_name(env_id, algo)
    return parse_study(name, text, origin or f"{name}.yml")


def _arguments(algo: str, alphas: Sequence[float], timesteps: int | None, seeds: int, preset: str | None) -> list[str]:
    """The rest of the command line, without what is the default."""
    given = ["--algo", algo] if algo != DEFAULT_ALGORITHM else []
    given += ["-n", str(timesteps)] if timesteps is not None else []
    given += ["--seeds", str(seeds)] if seeds != DEFAULT_SEEDS else []
    given += ["--alphas", *map(str, alphas)] if tuple(alphas) != DEFAULT_ALPHAS else []
    return given + (["--preset", preset] if preset else [])
