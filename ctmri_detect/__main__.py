"""``python -m ctmri_detect`` is the command ``ctmri-detect``."""

from __future__ import annotations

import sys

from ctmri_detect.cli import main

if __name__ == "__main__":
    sys.exit(main())
