"""Tissues as the two scanners measure them: CT number, relaxation times and proton density.

The phantom and the injected lesions take all their physical constants of healthy tissue from this
table. MRI constants are those of BrainWeb at 1.5 T where BrainWeb has the tissue; the others are
marked.

References
----------
.. [1] Kwan, Evans, Pike (1999), "MRI simulation-based evaluation of image-processing and
   classification methods", IEEE Trans. Med. Imaging 18(11):1085-1097 (BrainWeb).
.. [2] Nakamura et al. (2019): in-vivo CT contrast of grey and white matter 7.08 HU, noise 4.02 HU
   at 120 kV.
.. [3] Stanisz et al. (2005), "T1, T2 relaxation and magnetization transfer in tissue at 3T", Magn.
   Reson. Med. 54(3):507-512: the same tissues at 1.5 T and 3 T.
.. [4] Rooney et al. (2007), "Magnetic field and tissue dependencies of human brain longitudinal
   1H2O relaxation in vivo", Magn. Reson. Med. 57(2):308-318: fluid, 4.3 s.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FIELD_STRENGTHS", "TISSUES", "Tissue", "at_field", "tissues_at"]

FIELD_STRENGTHS = (1.5, 3.0)  # tesla


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
    # brain: HU [2]_, MRI [1]_; pure tissue differs by 7.6 HU, so that 7.1 HU as measured in vivo
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

_AT_3T: dict[str, tuple[float, float]] = {  # T1, T2 in ms [3]_
    "csf": (4300.0, 329.0),  # T1 [4]_
    "gm": (1820.0, 99.0),
    "wm": (1084.0, 69.0),
    "muscle": (1412.0, 50.0),
}
_T1_RATIO, _T2_RATIO = 1932 / 1441, 275 / 290  # blood, 3 T over 1.5 T [3]_; stands for the rest


def at_field(tissue: Tissue, field_strength: float) -> Tissue:
    """A tissue at another field strength: T1 grows and T2 shrinks as in blood.

    Parameters
    ----------
    tissue : Tissue
        At 1.5 T.
    field_strength : {1.5, 3.0}
        Tesla.

    Returns
    -------
    Tissue

    Examples
    --------
    >>> round(at_field(Tissue(30.0, 1000.0, 100.0, 0.9), 3.0).t1)
    1341
    """
    if field_strength == 1.5:
        return tissue
    return tissue._replace(t1=tissue.t1 * _T1_RATIO, t2=tissue.t2 * _T2_RATIO)


def tissues_at(field_strength: float) -> dict[str, Tissue]:
    """The table of tissues at 1.5 or 3 T, in the order of `TISSUES`.

    Parameters
    ----------
    field_strength : {1.5, 3.0}
        Tesla.

    Returns
    -------
    dict of str to Tissue

    Raises
    ------
    ValueError
        For another field strength.

    Examples
    --------
    >>> tissues_at(3.0)["gm"].t1
    1820.0
    """
    if field_strength not in FIELD_STRENGTHS:
        raise ValueError(f"field_strength is {field_strength!r}; expected 1.5 or 3.0 (tesla).")
    if field_strength == 1.5:
        return dict(TISSUES)
    made = {}
    for name, tissue in TISSUES.items():
        if name in _AT_3T:
            tissue = tissue._replace(t1=_AT_3T[name][0], t2=_AT_3T[name][1])
        else:
            tissue = at_field(tissue, field_strength)
        made[name] = tissue
    return made
