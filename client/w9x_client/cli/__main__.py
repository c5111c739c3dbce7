"""`python -m w9x_client.cli` is the command `w9x`."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
