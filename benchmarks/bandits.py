"""
``python -m benchmarks.bandits``: contexts a second through ``learn()`` beside a bare PyTorch loop and beside single
environments, one run of ``starnes2023_mnist``, and what divergences cost as the number of actions grows.

It needs MNIST in the data folder (``SB3_ENTROPY_DATA``) and takes about four minutes on one core; let nothing else run
on the machine meanwhile.
"""

import argparse
import ctypes
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before anything imports torch or numpy: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import gymnasium as gym
import numpy as np
import torch as th
from sb3_entropy_bandits.data import load_classification
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from benchmarks.timing import report
from benchmarks.timing.intervals import median_interval
from benchmarks.timing.pairs import time_rounds
from sb3_entropy import DivergenceRegPG
from sb3_entropy.distributions.laws import Finite, uniform_law
from sb3_entropy.divergences import make_divergence
from sb3_entropy.environments import register_envs
from sb3_entropy.studies.library import find_study
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import read_study
from sb3_entropy.studies.worker import run_alone
from sb3_entropy.vec_env.native import make_native_vec_env

BATCH, COEF, RATE = 100, 0.25, 1e-3
NETS: dict[str, Any] = {"net_arch": [32, 32], "activation_fn": nn.ReLU}
ENV_ID = "entropy/MNISTBandit-v0"
# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def bare_loop(n_batches: int) -> Callable[[int], Callable[[], object]]:
    """
    The same tensor work written by hand: a pass to act, a pass to learn, KL to uniform, backward, Adam.

    :param n_batches: updates a run
    """
    data = load_classification("mnist")
    contexts = th.tensor(data.x_train.reshape(len(data.x_train), -1) / 255.0, dtype=th.float32)
    labels = th.tensor(data.y_train)

    def prepare(seed: int) -> Callable[[], object]:
        th.manual_seed(seed)
        sizes = (784, *NETS["net_arch"])
        hidden = [part for i, o in itertools.pairwise(sizes) for part in (nn.Linear(i, o), nn.ReLU())]
        net = nn.Sequential(*hidden, nn.Linear(sizes[-1], 10))
        optimizer = th.optim.Adam(net.parameters(), RATE)

        def run() -> None:
            for _ in range(n_batches):
                rows = th.randint(len(labels), (BATCH,))
                x = contexts[rows]
                with th.no_grad():
                    actions = th.distributions.Categorical(logits=net(x)).sample()
                rewards = th.where(actions == labels[rows], 1.0, -1 / 9)
                policy = th.distributions.Categorical(logits=net(x))
                log_p = policy.logits
                kl = (log_p.exp() * (log_p - np.log(1 / 10))).sum(dim=1)
                loss = -(rewards * policy.log_prob(actions)).mean() + COEF * kl.mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        return run

    return prepare


def learning(n_batches: int, single: bool) -> Callable[[int], Callable[[], object]]:
    """
    :param n_batches: updates a run
    :param single: one environment in a DummyVecEnv with Monitor and 100 steps a rollout, or a native batch of 100
    """
    if single:
        env: Any = DummyVecEnv([lambda: Monitor(gym.make(ENV_ID))])
    else:
        env = make_native_vec_env(ENV_ID, BATCH, seed=0)

    def prepare(seed: int) -> Callable[[], object]:
        model = DivergenceRegPG(
            "MlpPolicy",
            env,
            learning_rate=RATE,
            n_steps=BATCH if single else 1,
            divergence="kl",
            coef=COEF,
            policy_kwargs=dict(NETS),
            seed=seed,
            device="cpu",
        )
        return lambda: model.learn(n_batches * BATCH)

    return prepare


def throughput(rounds: int) -> dict[str, Any]:
    """The three, in turn; times are divided by each one's number of batches, since the single one is slower."""
    sizes = {"bare": 1000, "native": 1000, "single": 100}
    contestants = {
        "bare": bare_loop(sizes["bare"]),
        "native": learning(sizes["native"], single=False),
        "single": learning(sizes["single"], single=True),
    }
    times = time_rounds(contestants, rounds).wall
    a_batch = {name: [seconds / sizes[name] for seconds in of_name] for name, of_name in times.items()}
    slower = [native / bare for native, bare in zip(a_batch["native"], a_batch["bare"], strict=True)]
    faster = [single / native for single, native in zip(a_batch["single"], a_batch["native"], strict=True)]
    return {
        "contexts_per_second": {name: BATCH / statistics.median(seconds) for name, seconds in a_batch.items()},
        "native / bare": median_interval(slower).__dict__,
        "single / native": median_interval(faster).__dict__,
    }


def whole_run(repeats: int) -> dict[str, Any]:
    """Runs of the study ``starnes2023_mnist``, evaluations and all, after one that has loaded the data."""
    runs = Plan(read_study(find_study("starnes2023_mnist"))).runs
    seconds = {}
    for arm in ("none", "kl", "mmd"):
        chosen = [run for run in runs if run.variant.label == arm][:repeats]
        run_alone({**chosen[0].definition, "timesteps": 1000})
        times = []
        for run in chosen:
            start = time.perf_counter()
            run_alone(run.definition)
            times.append(time.perf_counter() - start)
        seconds[arm] = times
    return seconds


DIVERGENCES: dict[str, tuple[str, dict[str, Any]]] = {
    "kl": ("kl", {}),
    "jensen_shannon": ("jensen_shannon", {}),
    "hellinger": ("hellinger", {}),
    "total_variation": ("total_variation", {}),
    "mmd, delta": ("mmd", {"kernel": "delta"}),
    "mmd, linear on 10 features": ("mmd", {"kernel": {"kernel": "linear"}}),
    "mmd, rbf on the index": ("mmd", {"kernel": {"kernel": "rbf_index", "bandwidth": 3.0}}),
    "mmd, rbf on 10 features": ("mmd", {"kernel": {"kernel": "rbf", "bandwidth": 1.0}}),
}


def cost(key: str, n_actions: int, batch: int, repeats: int) -> float:
    """:return: seconds of value and gradient with respect to the logits, the least of some"""
    name, options = DIVERGENCES[key]
    options = {option: dict(value) if isinstance(value, dict) else value for option, value in options.items()}
    generator = th.Generator().manual_seed(0)
    if "features" in key:
        options["kernel"]["features"] = th.randn(n_actions, 10, generator=generator).numpy()
    divergence = make_divergence(name, **options)
    logits = th.randn(batch, n_actions, generator=generator).requires_grad_()
    q = uniform_law(gym.spaces.Discrete(n_actions), batch, logits.detach())
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        value = divergence(Finite((th.log_softmax(logits, dim=1),)), q).mean()
        th.autograd.grad(value, logits)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def keep_freed_memory() -> None:
    """
    Let glibc reuse what is freed: tensors above 32 MB would else be new pages of the kernel each time, whose price is
    the machine's and not the divergence's.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        for parameter in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            libc.mallopt(parameter, 2**31 - 1)


def growth(batch: int) -> dict[str, Any]:
    """Seconds at 10⁴ and 10⁵ actions and the exponent of the growth between them; of the quadratic one at fewer."""
    keep_freed_memory()
    found = {}
    for key in DIVERGENCES:
        quadratic = key == "mmd, rbf on 10 features"
        small, large = (5_000, 20_000) if quadratic else (10_000, 100_000)
        of_batch = 4 if quadratic else batch
        seconds = [cost(key, n, of_batch, 3 if quadratic else 5) for n in (small, large)]
        found[key] = {
            "batch": of_batch,
            "actions": [small, large],
            "seconds": seconds,
            "exponent": float(np.log(seconds[1] / seconds[0]) / np.log(large / small)),
        }
    return found


def memory() -> dict[str, Any]:
    """RBF on features of 30,000 actions, whose matrix would take 3.6 GB: how much the peak grows."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = cost("mmd, rbf on 10 features", 30_000, 1, 1)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"actions": 30_000, "seconds": seconds, "peak_grows_mb": (after - before) / 1024}


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    parser = argparse.ArgumentParser("python -m benchmarks.bandits", description=__doc__)
    parser.add_argument("--only", choices=("throughput", "run", "growth", "memory"), action="append")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    th.set_num_threads(1)
    register_envs()
    chosen = options.only or ("throughput", "run", "growth", "memory")
    results: dict[str, Any] = {}
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "throughput": lambda: throughput(options.rounds),
        "run": lambda: whole_run(3),
        "growth": lambda: growth(BATCH),
        # Last: the holes that it leaves in the heap would slow what came after it.
        "memory": memory,
    }
    for name in (name for name in parts if name in chosen):
        results[name] = parts[name]()
        print(name, json.dumps(results[name], default=str), file=sys.stderr, flush=True)
    results["about"] = report.about("python -m benchmarks.bandits")
    print(json.dumps(results, indent=1, default=str))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=str), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
