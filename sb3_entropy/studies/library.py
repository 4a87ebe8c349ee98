"""Where studies are found: ours, those of installed packages, and files."""

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from sb3_entropy.errors import unknown
from sb3_entropy.presets.library import FOLDER, data_folders

#: each name stands for ``<name>.yml`` in the package that the entry point names
GROUP = "sb3_entropy.studies"
RESULTS = "results"
#: the results of our own studies, in a checkout; a wheel has :mod:`~sb3_entropy.studies.evidence` of them alone
EVIDENCE = "evidence"
#: where they are, in words
SOURCES = f"{EVIDENCE}/ of sb3-entropy's repository and of its source distribution"


def study_files() -> dict[str, Path]:
    """:return: the YAML of every study of ours and of installed packages, by name; ours first in a quarrel"""
    found = {path.stem: path for entry_point in entry_points(group=GROUP) for path in _offered(entry_point)}
    package = Path(__file__).parents[1]
    for folder in (package / FOLDER / "studies", package.parent / FOLDER / "studies"):
        found.update({path.stem: path for path in sorted(folder.glob("*.yml"))})
    return dict(sorted(found.items()))


def _offered(entry_point: EntryPoint) -> list[Path]:
    return [file for folder in data_folders(entry_point) if (file := folder / f"{entry_point.name}.yml").is_file()]


def find_study(name: str) -> Path:
    """
    :param name: a study's name, or the path of a YAML
    :return: the file
    :raises ValueError: if there is no study of that name
    :raises FileNotFoundError: if there is no such file
    """
    if name.endswith((".yml", ".yaml")):
        path = Path(name)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {name}. Correct the path, or see `sb3-entropy study list`.")
        return path
    files = study_files()
    if name not in files:
        raise ValueError(f"{unknown('study', name, files)} The path of a YAML works too.")
    return files[name]


def results_folder(study_file: Path, name: str, evidence: Path | None = None) -> Path:
    """
    :param study_file: a study's YAML
    :param name: the study's name; a rehearsal has its own
    :param evidence: a folder of results, one folder a study; ``None`` for the usual one
    :return: where its exported results are kept, whether or not they are there: those of our own studies in the
        checkout's ``evidence``, those of others beside the YAML
    :raises FileNotFoundError: if there is no folder ``evidence``
    """
    if evidence is not None:
        if not evidence.is_dir():
            raise FileNotFoundError(f"There is no folder {evidence}. That of our own studies is {SOURCES}.")
        return evidence / name
    checkout = Path(__file__).resolve().parents[2]
    if study_file.resolve().parent == checkout / FOLDER / "studies":
        return checkout / EVIDENCE / name
    return study_file.parent / RESULTS / name
