"""Settings of `MapScoring` for lesions whose size is known."""

from __future__ import annotations

__all__ = ["POOLING"]

POOLING: dict[str, dict[str, float]] = {
    "small": {"smoothing": 1.0, "clip": 6.0, "pool_fraction": 0.005},
    "large": {"smoothing": 3.0, "clip": 3.0, "pool_fraction": 0.05},
}
"""For `rescore`: focus for small lesions (a few pixels), extent for large ones (a lobe)."""
