"""Tables of openml.org, through scikit-learn."""

import gzip
import os
import re
import traceback
import zlib
from typing import Any

from sb3_entropy_bandits.data.folder import data_folder
from sb3_entropy_bandits.data.requirements import require


def fetch_openml(openml: str | int, target: str | None, folder: str | os.PathLike[str] | None) -> tuple[Any, str]:
    """
    :param openml: a data set's name or id; of a name, OpenML's active version is taken
    :param target: the column of the labels; None for the data set's own
    :param folder: the data folder, in which what was fetched is kept, in ``openml/``
    :return: a pandas frame, and the name of its target column
    :raises TypeError: if ``openml`` is neither a text nor a whole number
    :raises ImportError: if pandas or scikit-learn is not installed
    :raises ValueError: if there is no such data set, its file is not as it declares, or it does not have one target
    :raises ConnectionError: if OpenML does not answer
    """
    if isinstance(openml, bool) or not isinstance(openml, str | int):
        raise TypeError(f"openml must be a name or an id, e.g. 'iris' or 61, but {openml!r} was given.")
    datasets = require("sklearn.datasets", "tabular(openml=…)")
    arff = require("sklearn.externals._arff", "tabular(openml=…)")
    require("pandas", "tabular(openml=…)")
    root = data_folder(folder, f"openml/, where {openml!r} is kept", create=True)
    identity = {"name": openml} if isinstance(openml, str) else {"data_id": openml}
    column = "default-target" if target is None else target
    try:
        # The parser by pandas fails at nominal values that are numbers or true and false (scikit-learn 34892), fills
        # rows that are too short with empty texts, cuts values at "%", and takes values that are not declared.
        fetched = datasets.fetch_openml(
            **identity, target_column=column, data_home=root, as_frame=True, parser="liac-arff"
        )
    except (arff.ArffException, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _not_as_declared(openml, error) from error
    except OSError as error:  # urllib's errors are such
        raise ConnectionError(
            f"OpenML's {openml!r} could not be fetched: {type(error).__name__}: {error}. Try again; once fetched, it "
            f"is kept in {root / 'openml'}. Without a connection, pass a table of your own: frame=… and target='…'."
        ) from error
    except (ValueError, LookupError, StopIteration) as error:
        if _parsing(error):
            raise _not_as_declared(openml, error) from error
        if not isinstance(error, ValueError) and "target_column" not in str(error):
            raise
        wanted = f"{openml!r} with the target {target!r}" if target is not None else repr(openml)
        raise ValueError(
            f"OpenML gives no table for {wanted}: {str(error).rstrip('.')}. Look it up at openml.org and pass its id, "
            "and one of its columns as target."
        ) from error
    if len(fetched.target_names) != 1:
        raise ValueError(
            f"OpenML's {openml!r} has {len(fetched.target_names)} target columns ({', '.join(fetched.target_names)}), "
            "but one is needed: pass target='…'."
        )
    frame = fetched.frame
    for name in frame.select_dtypes("category"):
        frame[name] = _in_order(frame[name])
    return frame, str(fetched.target_names[0])


def _parsing(error: Exception) -> bool:
    """:return: whether a file was being read: liac-arff and what calls it run into some faults of a file unawares"""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == "sklearn.datasets._arff_parser" for frame, _ in frames)


def _not_as_declared(openml: str | int, error: Exception) -> ValueError:
    # liac-arff's errors know no line; what asks for the first of no rows says nothing.
    reason = re.sub(",? (at|in) line -1", "", str(error)).rstrip(".") or "it has no rows"
    return ValueError(
        f"The file of OpenML's {openml!r} is not as it declares itself: {type(error).__name__}: {reason}. Take "
        "another version of it, or mend the table and pass it with frame=… and target='…'."
    )


def _in_order(column: Any) -> Any:
    """Categories that are whole numbers as such, so that 10 comes after 2; others as texts, in their order."""
    texts = list(column.cat.categories)
    if not all(re.fullmatch("-?[1-9][0-9]*|0", text) for text in texts):
        return column
    return column.cat.rename_categories(int).cat.reorder_categories(sorted(map(int, texts)))
