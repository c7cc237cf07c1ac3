"""Real images for tests, where this machine has them; they are never part of the project."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("CTMRI_DETECT_TEST_DATA", _ROOT.parent / "shared" / "data"))
"""The folder that the variable names, or the one beside the checkout; it may not exist."""
