"""
What can be named, here and in installed packages: found by its name, listed, and made from a name and options.

Ours are found by looking into the package that holds them; a third party's by its entry points::

    [project.entry-points."sb3_entropy.std_schemes"]
    my_scheme = "my_package.my_scheme:MyScheme"

Nothing is imported before a name is asked for.
"""

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from sb3_entropy.errors import unknown

T = TypeVar("T")
Thing = TypeVar("Thing")


class Registry(Generic[T]):
    """
    The named things of one kind.

    :param kind: what one of them is called in a message, and the key of its name in a mapping: ``"divergence"``
    :param package: the package of ours whose modules hold them, one a file
    :param group: the entry-point group in which other packages offer theirs
    :param base: ``module:Class`` of what is made of them, so that one which is made already is known
    :param listed: its name and its title in ``sb3-entropy list``
    :param options_in: the argument in which users give options beside a bare name
    """

    def __init__(
        self,
        kind: str,
        package: str,
        group: str,
        *,
        base: str | None = None,
        listed: tuple[str, str] | None = None,
        options_in: str | None = None,
    ):
        self.kind = kind
        self.package = package
        self.group = group
        self.base = base
        self.listed = listed
        self.options_in = options_in
        self._things: dict[str, T] = {}
        self._broken: dict[str, str] = {}
        self._searched = False

    def register(self, key: str) -> Callable[[Thing], Thing]:
        """
        A decorator that gives a thing of ours its name.

        :param key: the name under which users ask for it
        :raises ValueError: if another thing already has that name
        """

        def decorate(thing: Thing) -> Thing:
            self._add(key, thing)
            return thing

        return decorate

    def _add(self, key: str, thing: Any) -> None:
        held = self._things.get(key)
        if held is not None and _place(held) != _place(thing):
            raise ValueError(f"The {self.kind} {key!r} is already registered: it is {held!r}. Choose another name.")
        self._things[key] = thing

    def _search(self) -> None:
        if self._searched:
            return
        self._searched = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for entry_point in entry_points(group=self.group):
            try:
                self._add(entry_point.name, entry_point.load())
            except Exception as error:
                self._broken[entry_point.name] = report_broken(self.kind, entry_point, error)

    def keys(self) -> list[str]:
        """:return: the names that can be asked for, sorted"""
        self._search()
        return sorted(self._things)

    def __contains__(self, key: object) -> bool:
        self._search()
        return key in self._things

    def get(self, key: str) -> T:
        """
        :param key: a name
        :return: the thing of that name
        :raises ValueError: if there is none, naming those that there are; if the plugin that offers it is broken,
            with the plugin's own error
        """
        self._search()
        if key in self._things:
            return self._things[key]
        if key in self._broken:
            raise ValueError(self._broken[key])
        raise ValueError(unknown(self.kind, key, self._things))

    def items(self) -> Iterator[tuple[str, T]]:
        """:return: names and things, sorted by name"""
        return ((key, self._things[key]) for key in self.keys())

    def make(self, spec: object, **options: Any) -> Any:
        """
        :param spec: a name, a mapping ``{kind: name, **options}``, or one that is made already, which is returned as it
            is
        :param options: further arguments of its constructor
        :return: the thing of that name, made with these options
        :raises TypeError: if ``spec`` is none of these
        :raises ValueError: if the name or an option is unknown, an option is missing, the name is given twice, or an
            option is given with a thing that is made already
        """
        kind = self.kind
        if self._is_made(spec):
            if options:
                raise ValueError(
                    f"The {kind} {type(spec).__name__} is made already and takes no options, but {', '.join(options)} "
                    "was given. Give them to its constructor."
                )
            return spec
        if isinstance(spec, Mapping):
            if kind in spec and kind in options:
                raise ValueError(
                    f"The name of a {kind} is given once, but {spec[kind]!r} and {options[kind]!r} were given. Leave "
                    f"{kind!r} out of the options."
                )
            options = {**spec, **options}
            if kind not in options:
                raise ValueError(
                    f"A {kind} as a mapping has its name under {kind!r}: {{{kind!r}: name, option: value}}, but "
                    f"{dict(spec)!r} was given."
                )
            spec = options.pop(kind)
        if not isinstance(spec, str):
            raise TypeError(
                f"A {kind} is given by its name, by a mapping {{{kind!r}: name, option: value}} or as an object, but "
                f"{spec!r} ({type(spec).__name__}) was given. Available: {', '.join(self.keys())}."
            )
        self.check_options(spec, options)
        make: Any = self.get(spec)
        return make(**options)

    def _is_made(self, spec: object) -> bool:
        if self.base is None or isinstance(spec, str | Mapping):
            return False
        module, _, name = self.base.partition(":")
        return isinstance(spec, getattr(importlib.import_module(module), name))

    def options_of(self, key: str, supplied: Collection[str] = ()) -> dict[str, inspect.Parameter]:
        """
        :param key: a name
        :param supplied: arguments that are no options: whoever makes the thing gives them
        :return: the options that the thing of that name takes
        :raises ValueError: if there is no such thing
        """
        make: Any = self.get(key)
        named = inspect.signature(make).parameters.items()
        return {name: parameter for name, parameter in named if name not in supplied}

    def check_options(self, key: str, options: Iterable[str], supplied: Collection[str] = ()) -> None:
        """
        :param key: a name
        :param options: the names of what it is to be made with
        :param supplied: arguments that are no options: whoever makes the thing gives them
        :raises ValueError: if there is no such thing or option, or one that it needs is missing
        """
        takes = self.options_of(key, supplied)
        named = {name: p for name, p in takes.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        if not any(p.kind is p.VAR_KEYWORD for p in takes.values()):
            for name in options:
                if name not in named:
                    raise ValueError(unknown(f"option of {self.kind}={key!r}", name, named))
        missing = [name for name, p in named.items() if p.default is p.empty and name not in options]
        if missing:
            option = f"{self.options_in}=dict({missing[0]}=…)" if self.options_in else f"{missing[0]}=…"
            raise ValueError(f"{self.kind}={key!r} needs the option {missing[0]!r}. Add it: {option}")

    def key_of(self, thing: object) -> str:
        """
        :param thing: one of them, made
        :return: the name of its class; the class's own if it is not registered
        """
        cls = type(thing)
        return next((key for key, registered in self.items() if registered is cls), cls.__name__)


def _place(thing: Any) -> tuple[Any, Any]:
    return getattr(thing, "__module__", None), getattr(thing, "__qualname__", thing)


def report_broken(kind: str, entry_point: EntryPoint, error: Exception) -> str:
    """
    :param kind: what the plugin offers
    :param entry_point: where it offers it
    :param error: what was raised when it was loaded
    :return: the sentence that says so, which is warned of too
    """
    owner = f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "an installed package"
    message = (
        f"The {kind} plugin {entry_point.name!r} ({entry_point.value}, of {owner}) could not be loaded: "
        f"{type(error).__name__}: {error}. Mend or uninstall {owner}; everything else goes on without it."
    )
    warnings.warn(message, stacklevel=3)
    return message


def _declare(kind: str, package: str, **more: Any) -> Registry[Any]:
    """A kind of thing of ours; others offer theirs under its plural."""
    registry: Registry[Any] = Registry(kind, f"sb3_entropy.{package}", f"sb3_entropy.{kind}s", **more)
    REGISTRIES.append(registry)
    return registry


#: every kind of thing of ours that can be named: what is declared here is listed, and found by entry points
REGISTRIES: list[Registry[Any]] = []

ALGORITHMS = _declare("algorithm", "algorithms", listed=("algorithms", "Algorithms (--algo)"))
STD_SCHEMES = _declare(
    "std_scheme", "distributions.std_schemes", listed=("schemes", "Std schemes (policy_kwargs: std_scheme)")
)
ACTION_DISTRIBUTIONS = _declare(
    "action_distribution",
    "distributions",
    listed=("distributions", "Action distributions (policy_kwargs: action_distribution)"),
)
DIVERGENCES = _declare(
    "divergence",
    "divergences",
    base="sb3_entropy.divergences.base:Divergence",
    listed=("divergences", "Divergences (regularizers: divergence)"),
    options_in="divergence_kwargs",
)
KERNELS = _declare(
    "kernel",
    "divergences.kernels",
    base="sb3_entropy.divergences.kernels.base:Kernel",
    listed=("kernels", "Kernels of mmd (divergence_kwargs: kernel)"),
)
REFERENCES = _declare(
    "reference",
    "references",
    base="sb3_entropy.references.base:Reference",
    listed=("references", "Reference policies (regularizers: reference)"),
    options_in="reference_kwargs",
)
SIMILARITY_RULES = _declare(
    "similarity_rule",
    "algorithms.off_policy.similarity.rules",
    base="sb3_entropy.algorithms.off_policy.similarity.rule:SimilarityRule",
    listed=("similarity_rules", "Similarity rules of SACAdaEnt (similarity_rule)"),
)
MEASURES = _declare("measure", "studies.measures", listed=("measures", "Measures (a study's measures)"))
JOBS = _declare("job", "studies.jobs", listed=("jobs", "Kinds of runs (an arm's job)"))
FIGURES = _declare("figure", "plots.study")
