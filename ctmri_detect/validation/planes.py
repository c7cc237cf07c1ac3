"""The planes of a CT-MRI pair."""

CT = 0
MRI = 1
PLANES: dict[str, tuple[int, ...]] = {"ct": (CT,), "mri": (MRI,), "both": (CT, MRI)}
"""Values of the parameter `planes`, and the planes that they mean."""
MODALITIES = ("CT", "MRI")
