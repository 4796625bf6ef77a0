"""Handwritten digits as rows of pixels: a real data set that comes with scikit-learn.

1,797 images, all different: the test set of Alpaydin and Kaynak, *Optical Recognition of Handwritten Digits*, UCI
Machine Learning Repository, 1998.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sparsekit.labelled_csv import TaskError
from sparsekit.samples import Rows, shared

CLASSES = 10
SIDE = 8  # pixels


def split(seed: int, train_size: int, test_size: int) -> tuple[Rows, Rows]:
    """Images to train on and to test on, a row of pixels a step; classes in the same shares in either part.

    The test share is ``test_size / (train_size + test_size)``, of all images where there are fewer than that.

    Raises
    ------
    TaskError
        If a part has no room for one image of each class.
    """
    if min(train_size, test_size) < CLASSES:
        raise TaskError(
            f"train_size={train_size}, test_size={test_size}: task digits has {CLASSES} classes; "
            f"give at least {CLASSES} of each, one sample for each class"
        )
    pixels, labels = load_digits(return_X_y=True)
    total = min(len(labels), train_size + test_size)
    test_total = min(max(CLASSES, round(total * test_size / (train_size + test_size))), total - CLASSES)
    parts = train_test_split(
        np.arange(len(labels)),
        train_size=total - test_total,
        test_size=test_total,
        stratify=labels,
        random_state=np.random.RandomState(np.random.PCG64(seed)),  # a bare number would have to be below 2**32
    )
    features = (pixels / pixels.max()).astype(np.float32).reshape(-1, SIDE, SIDE)
    train, test = (Rows(shared(features[part]), shared(labels[part].astype(np.int64))) for part in parts)
    return train, test
