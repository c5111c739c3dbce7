"""``python -m w9xd``."""

from __future__ import annotations

import sys

from w9xd.main import main

sys.exit(main())
