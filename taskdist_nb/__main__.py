"""`python -m taskdist_nb` is the command `taskdist`."""

import sys

from taskdist_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
