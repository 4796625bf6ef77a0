"""Times and bytes of sparse weights beside those of dense ones."""

import pandas as pd

from sparsekit.analysis.inference import median_times


def test_times_are_medians_in_microseconds():
    rows = [("dense", 0.5, 1e-6), ("dense", 0.5, 9e-6), ("dense", 0.5, 2e-6), ("csr", 0.5, 4e-6)]
    found = median_times(pd.DataFrame(rows, columns=["kernel", "sparsity", "seconds"]))
    assert found.loc[0.5].round(9).to_dict() == {"dense": 2.0, "csr": 4.0}
