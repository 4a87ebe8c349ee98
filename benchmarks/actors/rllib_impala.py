"""
Train RLlib's IMPALA and print how many frames it did in how many seconds: the script of another virtual environment,
see :mod:`benchmarks.actors.rllib`. It imports nothing of this package.
"""

import argparse
import importlib.metadata
import json
import logging
import os
import time
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["PYTHONWARNINGS"] = "ignore"

SAMPLED = ("env_runners", "num_env_steps_sampled_lifetime")
TRAINED = ("learners", "__all_modules__", "num_env_steps_trained_lifetime")


def make_algorithm(options: argparse.Namespace) -> Any:
    """
    :param options: the command line
    :return: IMPALA with Stable-Baselines3's MlpPolicy in its own words: two networks of 64 × 64, tanh
    """
    from ray.rllib.algorithms.impala import IMPALAConfig
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

    model = DefaultModelConfig(fcnet_hiddens=[64, 64], fcnet_activation="tanh", vf_share_layers=False)
    return (
        IMPALAConfig()
        .environment(options.env)
        .framework("torch")
        .debugging(seed=options.seed, log_level="ERROR")
        .env_runners(
            num_env_runners=options.actors,
            num_envs_per_env_runner=options.n_envs,
            rollout_fragment_length=options.n_steps,
        )
        # The learner is in the process that asks, as ours is.
        .learners(num_learners=0)
        .training(
            train_batch_size_per_learner=options.n_steps * options.n_envs * options.n_fragments,
            entropy_coeff=0.01,
            lr=7e-4,
        )
        .rl_module(model_config=model)
        .reporting(min_time_s_per_iteration=1)
        .build_algo()
    )


def counted(result: dict[str, Any], path: tuple[str, ...]) -> float:
    """
    :param result: of ``train()``
    :param path: a counter's place in it
    :return: its value; 0 where nothing was counted yet
    """
    for name in path:
        result = result.get(name, {})
    return float(result or 0)  # type: ignore[arg-type]


def main() -> None:
    """Train through the warm-up, then count frames for so many seconds; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--n-envs", type=int, default=8, help="of each actor")
    parser.add_argument("--n-steps", type=int, default=50, help="of a fragment, in each environment")
    parser.add_argument("--n-fragments", type=int, default=1, help="of an update")
    parser.add_argument("--warm-up", type=float, default=5.0, help="seconds before the window")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the window, at least")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds until the first frames, at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    import ray
    import torch

    torch.set_num_threads(1)
    # Ray's cores are only a budget: an actor and the learner each have one, however many the machine has.
    ray.init(
        num_cpus=options.actors + 1,
        include_dashboard=False,
        logging_level=logging.ERROR,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
    )
    algorithm = make_algorithm(options)
    result = algorithm.train()
    # The actors take seconds to start; the warm-up begins with the first frames that were learnt from.
    asked = time.perf_counter()
    while counted(result, TRAINED) == 0:
        if time.perf_counter() - asked > options.patience:
            raise TimeoutError(f"RLlib trained on nothing within {options.patience:g} s. Give it a larger --patience.")
        result = algorithm.train()
    begin = time.perf_counter()
    while time.perf_counter() - begin < options.warm_up:
        result = algorithm.train()
    start, before = time.perf_counter(), result
    while time.perf_counter() - start < options.seconds:
        result = algorithm.train()
    seconds = time.perf_counter() - start
    found = {
        "sampled": counted(result, SAMPLED) - counted(before, SAMPLED),
        "trained": counted(result, TRAINED) - counted(before, TRAINED),
        "seconds": seconds,
        "return": result["env_runners"].get("episode_return_mean"),
        "versions": {name: importlib.metadata.version(name) for name in ("ray", "torch", "gymnasium", "numpy")},
    }
    algorithm.stop()
    ray.shutdown()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
