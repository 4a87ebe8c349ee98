"""Sphinx's inline markup in docstrings, rewritten for the Markdown renderer of the site."""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`(~?)([\w.]+)`")
_PARAM = re.compile(r"^:param (\w+):", re.MULTILINE)


class SphinxMarkup(griffe.Extension):
    """
    Turns ``:class:`~a.b.C``` into a link where the site documents it, ``text::`` into ``text:``, and a class's
    parameters that its constructor does not have (they are its subclasses') into a list.
    """

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """
        :param obj: a module, class, function or attribute that has just been read
        """
        if obj.docstring is not None:
            text = _ROLE.sub(lambda match: _link(match, obj), obj.docstring.value)
            obj.docstring.value = re.sub(r"[ ]?::(?=\n\n)", ":", text)

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """
        :param cls: a class with all its methods
        """
        if cls.docstring is None or "__init__" in cls.members or not _PARAM.search(cls.docstring.value):
            return
        cls.docstring.value = _PARAM.sub(r"- `\1`:", cls.docstring.value)


def _link(match: re.Match[str], obj: griffe.Object) -> str:
    short, path = match.groups()
    label = path.rpartition(".")[2] if short else path
    if not path.startswith("sb3_entropy"):
        scope = obj if obj.is_class or obj.is_module else obj.parent
        path = f"{scope.path if scope else ''}.{path}"
    # Optional: the name stays plain text where the site has no such object.
    return f'<autoref optional identifier="{path}"><code>{label}</code></autoref>'
