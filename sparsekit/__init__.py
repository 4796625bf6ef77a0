"""sparsekit: study sparsity in recurrent neural networks."""

__version__ = "0.1.0"
