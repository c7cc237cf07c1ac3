"""Tissues as two scanners see them: CT number, relaxation times and proton density.

The table is the one source of the physical constants of the phantom. MRI constants are those of
BrainWeb at 1.5 T where BrainWeb has the tissue; the others are marked.

References
----------
.. [1] Kwan, Evans, Pike (1999), "MRI simulation-based evaluation of image-processing and
   classification methods", IEEE Trans. Med. Imaging 18(11):1085-1097 (BrainWeb).
.. [2] Nakamura et al. (2019): in-vivo CT contrast of grey and white matter 7.08 HU, noise 4.02 HU
   at 120 kV.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TISSUES", "Tissue"]


class Tissue(NamedTuple):
    """What a voxel filled with one tissue would measure.

    Parameters
    ----------
    hu : float
        CT number in Hounsfield units.
    t1, t2 : float
        Relaxation times at 1.5 T in milliseconds.
    pd : float
        Proton density relative to water, 0 to 1.
    """

    hu: float
    t1: float
    t2: float
    pd: float


TISSUES: dict[str, Tissue] = {
    # brain: HU [2]_, MRI [1]_; pure tissue differs by 7.6 HU so that the 7.1 HU measured in vivo
    # are left after partial volume and point spread
    "csf": Tissue(9.0, 2569.0, 329.0, 1.0),
    "gm": Tissue(37.4, 833.0, 83.0, 0.86),
    "wm": Tissue(29.8, 500.0, 70.0, 0.77),
    # meninges and vessels: dense collagen is dark in T2; flowing venous blood leaves a void
    "dura": Tissue(52.0, 900.0, 35.0, 0.65),
    "vein": Tissue(52.0, 1400.0, 30.0, 0.25),
    "calcification": Tissue(260.0, 900.0, 15.0, 0.15),
    # skull: solid bone has next to no visible protons, the diploe holds fatty marrow
    "bone": Tissue(1500.0, 900.0, 1.0, 0.10),
    "diploe": Tissue(700.0, 450.0, 50.0, 0.45),
    # scalp: fat and muscle from [1]_
    "fat": Tissue(-90.0, 350.0, 70.0, 1.0),
    "muscle": Tissue(52.0, 900.0, 47.0, 1.0),
    "air": Tissue(-1000.0, 1000.0, 1.0, 0.0),
}
