"""
``python -m benchmarks.actors.queueing``: how many frames a second so many actors should bring, and from how many on the
learner is what limits them, from the times that each part of a round takes: ``--wait 5 --update 2``, in milliseconds.

A closed queueing network: n actors go round between their own environments (nobody waits for anybody), the cores of
their machines, the learner's link and the learner. Three answers, each with more in it than the one before: bounds,
mean values in product form, and a simulation.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.actors.load import Constant, Exponential, Load, Measured, Times
from benchmarks.actors.network import Station, mean_values
from benchmarks.actors.simulation import simulate

ACTORS = (1, 2, 4, 8, 16, 64, 512)


def stations(load: Load, n_actors: int) -> list[Station]:
    """
    The network's stations. The cores of several machines are one station here, as if whoever finds those of its own
    machine taken were helped by another one; and a learner that has no core of its own takes none from the actors.

    :param load: what a round costs
    :param n_actors: how many actors there are
    :return: all at which a round takes time
    """
    cores = load.machines(n_actors) * load.cores if load.crowded(n_actors) else None
    found = [
        Station("environments", load.thinking, None),
        Station("cores", load.computing, cores),
        Station("down", load.down),
        Station("up", load.up),
        Station("learner", load.learning),
    ]
    return [station for station in found if station.demand > 0]


def throughput_bound(load: Load, n_actors: int) -> float:
    """
    The asymptotic bound on fragments a second (Muntz and Wong 1974; Denning and Buzen 1978, operational laws, so for
    times of any distribution): X(n) ≤ min(n / R, min_i c_i / D_i), where R is the round of an actor that is alone, D_i
    its time at station i and c_i the servers there. Where the learner has no core of its own, the cores of all
    machines do the learner's work too.

    :param load: what a round costs
    :param n_actors: how many actors there are
    :return: the most fragments a second
    """
    limits = [n_actors / load.round]
    limits += [s.servers / s.demand for s in stations(load, n_actors) if s.servers is not None]
    processor = load.computing + (0.0 if load.learner_apart else load.learning)
    if processor > 0:
        limits.append(load.machines(n_actors) * load.cores / processor)
    return min(limits)


def knee(load: Load) -> float:
    """
    From how many actors on more of them bring nothing: n* = R / max_i D_i, where the two bounds meet; with an actor's
    time for a fragment F and the learner's s for it, (F + s) / s. Machines that come with their actors have no knee.

    :param load: what a round costs
    :return: n*; infinite if nobody queues
    """
    demands = [load.down, load.up, load.learning]
    if load.actors_per_machine is None:
        processor = load.computing + (0.0 if load.learner_apart else load.learning)
        demands.append(processor / load.cores)
    return load.round / max(demands) if max(demands) > 0 else math.inf


def mean_lag(load: Load, n_actors: int) -> float:
    """
    The mean lag of a fragment where none is dropped, n/k − 1, for times of any distribution: an actor's rounds, each
    of one fragment's lag and its own update, follow one another without a gap, and an update ends k of them.

    :param load: what a round costs
    :param n_actors: n
    :return: updates between a fragment's weights and its own update, on average
    """
    return n_actors / load.n_fragments - 1


def table(load: Load, actors: Sequence[int], updates: int, max_lag: int | None, seed: int) -> str:
    """
    :param load: what a round costs
    :param actors: numbers of actors
    :param updates: of each simulation
    :param max_lag: beyond this lag a fragment is dropped in the simulation
    :param seed: of the simulations
    :return: what they should bring, as Markdown
    """
    lines = [
        "| actors | machines | frames/s at most | in product form | simulated | learner at work | mean lag | 95 % "
        "| dropped |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for n in actors:
        bound, means = throughput_bound(load, n), mean_values(stations(load, n), n)
        # Everybody has been round some ten times before counting, and twenty times in it.
        rounds = math.ceil(n / load.n_fragments)
        found = simulate(load, n, max(updates, 20 * rounds), warm_up=10 * rounds, max_lag=max_lag, seed=seed)
        cells = [
            f"{n}",
            f"{load.machines(n)}",
            *(f"{frames:.0f}" for frames in (bound * load.frames, means.throughput * load.frames, found.frames_per_s)),
            f"{found.utilisation:.0%}",
            f"{found.mean_lag:.1f}",
            f"{found.lag_quantile(0.95)}",
            f"{found.dropped:.1%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def load_of(options: argparse.Namespace) -> Load:
    """
    :param options: the command line
    :return: the load that it describes
    """
    wait: Times = (Exponential if options.exponential else Constant)(options.wait / 1e3)
    if options.waits:
        wait = Measured(tuple(json.loads(options.waits.read_text(encoding="utf-8"))))
    return Load(
        wait=wait,
        compute=Constant(options.compute / 1e3),
        fragment=Constant(options.fragment / 1e3),
        update=Constant(options.update / 1e3),
        latency=Constant(options.latency / 1e3),
        down=options.down / 1e3,
        up=options.up / 1e3,
        n_steps=options.n_steps,
        n_envs=options.n_envs,
        n_fragments=options.n_fragments,
        cores=options.cores,
        actors_per_machine=options.actors_per_machine,
        learner_apart=not options.learner_shares,
    )


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    options = _parser().parse_args(arguments)
    load = load_of(options)
    actors = [n for n in options.actors if n >= load.n_fragments]
    print(table(load, actors, options.updates, options.max_policy_lag, options.seed))
    print(f"\nThe knee is at {knee(load):.1f} actors.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.actors.queueing", description=__doc__)
    times = {
        "wait": (5.0, "a step's time that no processor works for"),
        "compute": (0.3, "a step's processor time, of the environments and of the policy"),
        "fragment": (0.5, "the learner's time for a fragment"),
        "update": (2.0, "the learner's time for an update"),
        "latency": (0.5, "of a round in the network, both ways together"),
        "down": (0.0, "for which one actor's weights take the learner's link"),
        "up": (0.0, "for which a fragment takes it"),
    }
    for name, (default, meaning) in times.items():
        parser.add_argument(f"--{name}", type=float, default=default, help=f"ms; {meaning} (default: {default:g})")
    parser.add_argument("--exponential", action="store_true", help="waits are exponential and not constant")
    parser.add_argument("--waits", type=Path, help="a JSON list of measured waits in seconds, in place of --wait")
    parser.add_argument("--n-steps", type=int, default=20, help="of a fragment, in each environment (default: 20)")
    parser.add_argument("--n-envs", type=int, default=1, help="of each actor (default: 1)")
    parser.add_argument("--n-fragments", type=int, default=1, help="of an update (default: 1)")
    parser.add_argument("--cores", type=int, default=2, help="of each machine (default: 2)")
    parser.add_argument("--actors-per-machine", type=int, help="at most (default: all on one machine)")
    parser.add_argument("--learner-shares", action="store_true", help="the learner has no core of its own")
    parser.add_argument("--max-policy-lag", type=int, help="fragments beyond it are dropped (default: none is)")
    parser.add_argument("--actors", type=int, nargs="+", default=ACTORS, help="numbers of actors")
    parser.add_argument("--updates", type=int, default=2000, help="of each simulation (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the simulations")
    return parser


if __name__ == "__main__":
    sys.exit(main())
