"""scikit-learn's digits: 1797 handwritten digits of 8×8 pixels (Alpaydin, Kaynak 1998), which need no file."""

import numpy as np

from sb3_entropy_bandits.data.classification import ClassificationData
from sb3_entropy_bandits.data.requirements import require
from sb3_entropy_bandits.data.split import every_nth


def load_digits() -> ClassificationData:
    """
    The digits that come with scikit-learn, the test set of UCI's "Optical recognition of handwritten digits".

    Of each class every fifth image, in the order of the file, is for testing. The order runs through the writers, so
    both sets hold digits of the same hands.

    :return: 1442 and 355 images of shape (8, 8, 1) with values 0, …, 16, scale 16, 10 classes
    :raises ImportError: if scikit-learn is not installed
    """
    loaded = require("sklearn.datasets", "The data set 'digits'").load_digits()
    x = loaded.images.astype(np.uint8)[..., np.newaxis]
    y = loaded.target.astype(np.int64)
    train, test = every_nth(y, 5)
    return ClassificationData("digits", x[train], y[train], x[test], y[test], 10, 16.0, (8, 8, 1))
