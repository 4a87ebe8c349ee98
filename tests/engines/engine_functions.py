"""Functions and classes that tests send to workers. What takes a second to import is imported where it is needed."""

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter as Counts
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

_loads = 0
_loads_of = Counts()


def square(item, shared):
    return item * item + (shared or 0)


def numbers(item, shared):
    """Sums that depend on how many threads take them."""
    import numpy as np
    import torch as th

    generator = np.random.default_rng(item)
    a, b = generator.normal(size=(2, 257, 513)).astype(np.float32)
    return a @ b.T, (th.from_numpy(a) @ th.from_numpy(b).T).sum().item(), float(a.sum())


def threads(item, shared):
    import torch as th
    from threadpoolctl import threadpool_info

    environment = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return th.get_num_threads(), environment, [pool["num_threads"] for pool in threadpool_info()]


def ask_for_threads(item, shared):
    import torch as th

    th.set_num_threads(2)


class CountsLoads:
    """Counts, in its process, how often one was unpickled."""

    def __setstate__(self, state):
        global _loads  # noqa: PLW0603
        _loads += 1


def loads(item, shared):
    time.sleep(0.01)
    return os.getpid(), _loads


class Weights:
    """Large, as far as an engine knows. Counts, in its process, how often those of its name were unpickled."""

    def __init__(self, name, values):
        self.name, self.values = name, values

    def __setstate__(self, state):
        self.__dict__.update(state)
        _loads_of[self.name] += 1


@dataclass(frozen=True)
class Job:
    weights: object
    scale: int = 1


Pair = namedtuple("Pair", ["scale", "weights"])


def weigh(item, weights):
    """How often the weights were unpickled in this process, whether they can be changed, and a number."""
    time.sleep(0.01)
    return _loads_of[weights.name], weights.values.flags.writeable, float(item * weights.values.sum())


def weigh_parts(item, shared):
    """Arguments with weights somewhere inside."""
    parts = vars(item) if isinstance(item, Job) else item._asdict() if isinstance(item, Pair) else item
    weights = parts["weights"][0] if isinstance(parts["weights"], list) else parts["weights"]
    return weigh(parts["scale"], weights)


def weigh_or_die_once(item, shared):
    folder, weights = shared
    die_once(item, folder)
    return weigh(item, weights)


def fails(item, shared):
    if item == 2:
        raise ValueError(f"not {item}")
    if item == 3:
        sys.exit("enough")
    return item


def unpicklable(item, shared):
    return (lambda: item) if item == 1 else item


def slow(item, shared):
    time.sleep(shared)
    return item


def slow_from_2(item, shared):
    time.sleep(shared if item >= 2 else 0)
    return item


def die_once(item, folder):
    """Killed at its first attempt at item 3."""
    marker = Path(folder, str(item))
    if item == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def die_always(item, shared):
    if item == 3:
        os._exit(7)
    return item


def exit_at_once(connection, serve):
    os._exit(3)


def tell_pid(item, folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)


def may_have_children(item, shared):
    """What environments in processes of their own need."""
    return not multiprocessing.current_process().daemon


class Counter:
    def __init__(self, start, step=1):
        if start < 0:
            raise ValueError(f"start must not be negative, but is {start}")
        self.value, self.step = start, step

    def add(self, times=1):
        self.value += times * self.step
        return self.value

    def fail(self):
        raise KeyError("nothing")

    def leave(self):
        sys.exit("enough")

    def strange(self):
        raise StrangeError("a", "b")

    def unpicklable(self):
        return lambda: 0

    def wait(self, seconds):
        time.sleep(seconds)

    def weigh(self, *weights, **named):
        return [weigh(self.step, one) for one in (*weights, *named.values())]

    def arrived(self):
        from sb3_entropy.engines import shared

        return len(shared._arrived)

    def pid(self):
        return os.getpid()

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)


class StrangeError(Exception):
    """Can be pickled, but not read back."""

    def __init__(self, a, b):
        super().__init__(f"{a}{b}")
