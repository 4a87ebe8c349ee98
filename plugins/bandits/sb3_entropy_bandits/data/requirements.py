"""Libraries that only some data sets need, imported when they are."""

import importlib
from types import ModuleType


def require(module: str, purpose: str) -> ModuleType:
    """
    :param module: what to import, e.g. ``"sklearn.datasets"``
    :param purpose: what needs it, for the message
    :return: the module
    :raises ImportError: if it is not installed, with the command that installs it
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        package = {"sklearn": "scikit-learn"}.get(library, library)
        raise ImportError(
            f"{purpose} needs {package}, which cannot be imported ({error}): pip install {package}"
        ) from error
