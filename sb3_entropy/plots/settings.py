"""How swept hyperparameters are written: in labels, figures and tables."""

from collections.abc import Mapping
from typing import Any


def short(key: str) -> str:
    """
    :param key: a hyperparameter's name, e.g. ``policy_kwargs.std_scheme``
    :return: its last part
    """
    return key.rpartition(".")[2]


def text_of(value: Any) -> str:
    """
    :param value: a hyperparameter's value
    :return: a mapping by its values, a long list by its ends
    """
    if isinstance(value, Mapping):
        return " ".join(map(text_of, value.values()))
    if isinstance(value, list) and len(value) > 3:
        return f"[{text_of(value[0])}, …, {text_of(value[-1])}]"
    return str(value)


def settings_text(settings: Mapping[str, Any]) -> str:
    """
    :param settings: values by hyperparameter
    :return: e.g. ``ent_coef=0.3, gamma=0.9``
    """
    return ", ".join(f"{short(key)}={text_of(value)}" for key, value in settings.items())
