"""``sb3-entropy compare``: does entropy help my task?"""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from sb3_entropy.cli.study import execute, find_results
from sb3_entropy.cli.study_options import add_run_options, add_store_option
from sb3_entropy.environments import import_packages, package_of, registered_id
from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.files import atomic_file
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.studies.commands import DEFAULT_REPORTS, store_option
from sb3_entropy.studies.comparison import DEFAULT_ALPHAS, DEFAULT_SEEDS, comparison_name, comparison_study, suited
from sb3_entropy.studies.plan import Plan
from sb3_entropy.zoo.options import add_env_kwargs_option, add_packages_option


def run_compare(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0; 1 if runs have failed
    :raises ValueError: if an argument is wrong
    """
    parser = ArgumentParser(
        "sb3-entropy compare",
        description="Does entropy help my task? Trains the 2×2 (entropy in the return × in the improvement; an "
        "off-policy algorithm with and without it) at a few temperatures with several seeds, and writes a report. What "
        "decides is the interquartile mean over the seeds, the typical run; mean, worst run and failures stand beside "
        "it.",
    )
    parser.add_argument("--env", required=True, help="the environment's id: Pendulum-v1, my_package:My-v0")
    add_packages_option(parser)
    add_env_kwargs_option(parser)
    parser.add_argument("--algo", default="sppo", help="one of ours (default: sppo)")
    parser.add_argument("-n", "--timesteps", type=int, help="steps a run (default: the preset's, else 100,000)")
    parser.add_argument("--seeds", type=int, default=DEFAULT_SEEDS, help=f"runs an arm (default: {DEFAULT_SEEDS})")
    parser.add_argument(
        "--alphas",
        type=float,
        nargs="+",
        default=list(DEFAULT_ALPHAS),
        help="temperatures, in units of the reward that is learned from, which is normalised unless a preset says "
        f"otherwise (default: {' '.join(map(str, DEFAULT_ALPHAS))})",
    )
    parser.add_argument(
        "--preset",
        help="'own' for the algorithm's preset, another algorithm's key, or a YAML with hyperparameters; --alphas are "
        "then in the units of its rewards (default: the parent's defaults, observations and rewards normalised)",
    )
    parser.add_argument(
        "-f", "--folder", type=Path, default=Path(DEFAULT_REPORTS), help=f"for reports (default: {DEFAULT_REPORTS})"
    )
    add_store_option(parser)
    add_run_options(parser)
    given = parser.parse_args(arguments)
    check_choice("algorithm", given.algo, ALGORITHMS.keys())
    import_packages(given.gym_packages)
    env_id = registered_id(given.env)
    packages = list(dict.fromkeys([*given.gym_packages, *package_of(given.env)]))
    policy, norm_obs = suited(env_id, given.env_kwargs)
    check_number("--seeds", given.seeds, low=1, integer=True)
    if given.timesteps is not None:
        check_number("--timesteps", given.timesteps, low=1, integer=True)
    for alpha in given.alphas:
        check_number("--alphas", alpha, low=0, open_low=True)
    folder = given.folder / comparison_name(env_id, given.algo)
    file = folder / f"{folder.name}.yml"
    study = comparison_study(
        env_id,
        given.algo,
        alphas=given.alphas,
        timesteps=given.timesteps,
        seeds=given.seeds,
        preset=given.preset,
        policy=policy,
        norm_obs=norm_obs,
        env_kwargs=given.env_kwargs,
        packages=packages,
        origin=str(file),
    )
    plan = Plan(study)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as opened:
        opened.write(study.document.text.encode())
    tally = execute(plan, given)
    from sb3_entropy.cli.summary import print_summary
    from sb3_entropy.reports.study import write_report

    results = find_results(plan, given.store)
    print_summary(results)
    print(f"Report: {write_report(results, folder)}")
    print(f"The study is {file}. To change it, copy it first; the copy is run by")
    print(f"  sb3-entropy study run COPY.yml{store_option(given.store)}")
    return 1 if tally.failed or tally.left else 0
