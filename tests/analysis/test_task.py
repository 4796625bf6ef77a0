"""What samples give away without memory."""

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from sparsekit.analysis.task import betrayed, nearest_mean
from sparsekit.tasks.samples import Rows, Strings


def test_new_pairs_betray_strings():
    train = Strings(["abc", "cab", "ac"], np.array([1, 1, 0]))
    test = Strings(["abc", "bca", "aab", "ca"], np.array([1, 1, 0, 0]))
    assert betrayed(train, test) == (0.5, 0.0, 0.75)


def test_the_nearest_mean_is_named():
    rng = np.random.default_rng(0)
    labels = np.repeat([3, 5, 8], 20)
    train, test = (Rows(rng.normal(size=(60, 4, 3)).astype(np.float32) + labels[:, None, None], labels) for _ in "ab")
    means, right = nearest_mean(train, test)
    assert list(means) == [3, 5, 8]
    flat = NearestCentroid().fit(train.features.reshape(60, -1), labels)
    assert right == pytest.approx(flat.score(test.features.reshape(60, -1), labels))
    assert right > 0.9
    np.testing.assert_allclose(means[5], train.features[labels == 5].mean(axis=0), atol=1e-6)
