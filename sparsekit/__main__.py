"""``python -m sparsekit``: the command line."""

import sys

from sparsekit.cli import main

if __name__ == "__main__":
    sys.exit(main())
