"""
Hyperparameters by algorithm and environment: one YAML an algorithm, in rl-zoo's format.

The files are ``zoo_configs/<algorithm>.yml``, inside the package in a wheel, and beside it in a checkout or an editable
install, where edits therefore take effect at once. An algorithm of another package brings its own in the same way.
Entries for any algorithm come from installed packages too, under the entry-point group ``sb3_entropy.presets``, whose
values are packages or folders that hold ``<algorithm>.yml``::

    [project.entry-points."sb3_entropy.presets"]
    my_presets = "my_package.presets"
"""

import importlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from sb3_entropy.errors import unknown
from sb3_entropy.presets.stock import STOCK
from sb3_entropy.registry import ALGORITHMS

FOLDER = "zoo_configs"
GROUP = "sb3_entropy.presets"
#: the entry for every environment that has none, and what the names of its like begin with
STAND_IN = "default"


class _UniqueKeys:
    """Of a safe loader: a key that stands twice in one mapping is an error, not the last one's."""

    def construct_mapping(self: Any, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice; take one of them out", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)  # type: ignore[misc]
        return mapping


class _Loader(_UniqueKeys, yaml.SafeLoader):
    """In Python: its messages show the line that is wrong."""


class _FastLoader(_UniqueKeys, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Of libyaml, where PyYAML has it: ten times as fast."""


def load_yaml(text: str, look: Callable[[yaml.Node], object] = lambda node: None) -> Any:
    """
    :param text: YAML
    :param look: is given what the text is composed of, before its values are made
    :return: its values; ``None`` if it is empty
    :raises yaml.YAMLError: if it is not YAML, holds what is no plain data, or a key stands twice in one mapping
    """
    try:
        return _load(text, _FastLoader, look)
    except (yaml.YAMLError, UnicodeError):
        return _load(text, _Loader, look)


def _load(text: str, kind: Any, look: Callable[[yaml.Node], object]) -> Any:
    loader = kind(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        look(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def preset_file(algo: str) -> Path:
    """
    :param algo: an algorithm's key
    :return: its packaged YAML
    :raises ValueError: if there is no such algorithm
    :raises FileNotFoundError: if its package has no YAML for it
    """
    if algo in STOCK:
        raise FileNotFoundError(
            f"{algo} is Stable-Baselines3's own, and there are no presets for it. Leave the preset out: what is given "
            "goes over its defaults. Or give the path of a YAML, rl-zoo's for instance."
        )
    module = importlib.import_module(ALGORITHMS.get(algo).__module__.partition(".")[0])
    package = Path(str(module.__file__)).parent
    candidates = [folder / FOLDER / f"{algo}.yml" for folder in (package, package.parent)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(
        f"There are no presets for {algo}: neither {' nor '.join(map(str, candidates))} exists. "
        "Give a YAML file with --conf-file."
    )


def preset_files(algo: str) -> list[Path]:
    """
    :param algo: an algorithm's key
    :return: its packaged YAML, and those of other packages; the first that has an entry is right
    :raises ValueError: if there is no such algorithm
    :raises FileNotFoundError: if there is none
    """
    offered = [file for folder in _offered_folders() if (file := folder / f"{algo}.yml").is_file()]
    try:
        return [preset_file(algo), *offered]
    except FileNotFoundError:
        if not offered:
            raise
        return offered


def _offered_folders() -> list[Path]:
    found = []
    for entry_point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        folders = data_folders(entry_point)
        found += folders
        if not folders:
            warnings.warn(
                f"The presets of the plugin {entry_point.name!r} are left out: there is no package or folder "
                f"{entry_point.value}. Mend or uninstall it.",
                stacklevel=3,
            )
    return found


def data_folders(entry_point: EntryPoint) -> list[Path]:
    """
    :param entry_point: one whose value is a package
    :return: its folders, found without importing it, though Python imports the packages above it; none if it is not
        there
    """
    try:
        spec = find_spec(entry_point.module)
    except ImportError:
        return []
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders and spec and spec.origin:
        folders = [str(Path(spec.origin).parent)]
    return list(map(Path, folders))


def gather_presets(files: Iterable[Path | str]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """
    :param files: YAML files; what is not the first and cannot be read is left out with a warning
    :return: hyperparameters by environment id, of the first file that has any; and which file that is
    :raises FileNotFoundError: if there is no first file
    :raises ValueError: if it holds no presets
    """
    presets: dict[str, dict[str, Any]] = {}
    sources: dict[str, str] = {}
    for number, file in enumerate(files):
        try:
            found = read_presets(file)
        except ValueError as error:
            if number == 0:
                raise
            warnings.warn(f"{error} It is left out.", stacklevel=2)
            continue
        for entry in found.keys() - presets.keys():
            presets[entry], sources[entry] = found[entry], str(file)
    return presets, sources


def read_presets(path: Path | str) -> dict[str, dict[str, Any]]:
    """
    :param path: a YAML file
    :return: hyperparameters by environment id
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is not YAML, or not a mapping from environment ids to mappings
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file} to read hyperparameters from. Correct --conf-file.")
    try:
        presets = load_yaml(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not valid YAML: {error}") from error
    if not isinstance(presets, dict):
        raise ValueError(f"{file} must map environment ids to hyperparameters, but it holds {presets!r}.")
    for env_id, preset in presets.items():
        if not isinstance(preset, dict):
            raise ValueError(f"{file} must map {env_id!r} to a mapping of hyperparameters, but has {preset!r} there.")
    return presets


def choose_preset(
    presets: Mapping[str, dict[str, Any]],
    env_id: str,
    atari: bool,
    source: str,
    stand_ins: Sequence[str] = (STAND_IN,),
) -> tuple[str, dict[str, Any]]:
    """
    :param presets: hyperparameters by environment id
    :param env_id: the environment to be trained on
    :param atari: whether it is an Atari game, for which an entry ``atari`` stands in
    :param source: where the presets were read
    :param stand_ins: the entries that may stand in for one of its own, the nearest first
    :return: the entry that applies, as rl-zoo chooses it, and its name
    :raises ValueError: if none does
    """
    for entry in (env_id, *(["atari"] if atari else []), *stand_ins):
        if entry in presets:
            return entry, presets[entry]
    raise ValueError(
        f"{unknown('entry', env_id, presets)} {source} has no hyperparameters for it: add an entry {env_id!r}, or one "
        "named 'default', which stands in for every environment that has none."
    )


def presets_by_environment() -> dict[str, list[str]]:
    """:return: for every environment id that any algorithm's presets name, the keys of those algorithms"""
    found: dict[str, list[str]] = {}
    for algo, _ in ALGORITHMS.items():
        try:
            presets, _ = gather_presets(preset_files(algo))
        except FileNotFoundError:
            continue  # an algorithm of another package need not bring any
        for env_id in sorted(presets):
            if not env_id.startswith(STAND_IN):
                found.setdefault(env_id, []).append(algo)
    return found
