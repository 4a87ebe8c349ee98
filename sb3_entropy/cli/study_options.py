"""Options that ``study``, ``compare`` and ``evidence`` share: where runs are, and how they are done."""

from argparse import ArgumentParser
from pathlib import Path

from sb3_entropy.engines import ENGINES
from sb3_entropy.studies.commands import default_store
from sb3_entropy.studies.library import SOURCES


def add_store_option(parser: ArgumentParser) -> None:
    """
    :param parser: gets ``--store``
    """
    default = default_store()
    text = f"the SQLite file of finished runs (default: {default}; the variable SB3_ENTROPY_STORE sets another)"
    parser.add_argument("--store", type=Path, default=Path(default), help=text)


def add_evidence_option(parser: ArgumentParser) -> None:
    """
    :param parser: gets ``--evidence``
    """
    text = f"a folder of exported results, one folder a study: {SOURCES} (default: the checkout's, if it is one)"
    parser.add_argument("--evidence", type=Path, metavar="PATH", help=text)


def add_run_options(parser: ArgumentParser) -> None:
    """
    :param parser: gets the options that say how runs are done
    """
    parser.add_argument("--engine", default="process", help=f"{', '.join(ENGINES)} (default: process)")
    parser.add_argument("--workers", type=int, help="runs at once (default: one a core)")
    parser.add_argument("--address", help="with --engine ray: the cluster to join (default: start Ray here)")
    parser.add_argument("--retry-failed", action="store_true", help="do runs again that have failed before")
    parser.add_argument("-tb", "--tensorboard", metavar="FOLDER", help="log every run for TensorBoard in this folder")
