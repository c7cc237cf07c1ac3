"""The kinds of lesion that the library can synthesise, with their sizes and strengths.

References
----------
.. [1] Aslam et al. (2025): CT numbers of infarcts, acute 25.8, subacute 18.1, chronic 9.2 HU.
.. [2] Kwan, Evans, Pike (1999), IEEE Trans. Med. Imaging 18(11):1085-1097 (BrainWeb): relaxation
   times of healthy tissue and of lesions at 1.5 T.
.. [3] Bradley (1993), "MR appearance of hemorrhage in the brain", Radiology 189(1):15-26: acute
   clot (deoxyhaemoglobin) is dark in T2, extracellular methaemoglobin bright.
.. [4] Wardlaw et al. (2013), Lancet Neurology 12(8):822-838 (STRIVE): lacunes of 3 to 15 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DEFAULT_KINDS",
    "LESION_KINDS",
    "SEVERITIES",
    "WHOLE_SLICE_KINDS",
    "LesionKind",
    "Severity",
]

Range = tuple[float, float]


@dataclass(frozen=True)
class LesionKind:
    """What a kind of lesion is made of, and where and how it grows.

    Parameters
    ----------
    hu, t1, t2, pd : (low, high)
        Ranges of the lesion's tissue: HU, ms, ms, relative to water. With ``hu_relative`` the CT
        number is added to that of the tissue there, which keeps its texture.
    site : {"brain", "wm", "intracranial", "rim", "sulci"}
        Tissue that the lesion may replace.
    shape : {"blob", "crescent", "lens", "territory", "shift"}
        A wavy ellipse; a layer under the skull of nearly even thickness; one that is thick in the
        middle; a blob that ends at the border of its vascular territory; a blob whose MRI is moved.
    edge : float
        Width of the border, mm.
    scale : float
        Diameter relative to that of the severity.
    halo : float
        Size of the oedema around it, relative to the lesion; 0 means none.
    push : float
        Mass effect: how far tissue is pushed away at the lesion's border, relative to its
        smaller half axis.
    """

    hu: Range
    t1: Range
    t2: Range
    pd: Range
    site: str = "brain"
    shape: str = "blob"
    edge: float = 2.0
    scale: float = 1.0
    hu_relative: bool = False
    halo: float = 0.0
    push: float = 0.0


@dataclass(frozen=True)
class Severity:
    """Diameter in mm and the share of the tissue that is replaced."""

    diameter: Range
    strength: Range


# A lacune measures 3-15 mm [4]_: mild lesions are lacunar, moderate ones a little larger, severe
# ones reach the size of a small territorial infarct. Published volumes of bleeds and infarcts have
# medians above 10 ml (27 mm), so "moderate" is still small. Don't change these.
SEVERITIES: dict[str, Severity] = {
    "mild": Severity((6.0, 12.0), (0.5, 0.7)),
    "moderate": Severity((12.0, 24.0), (0.65, 0.9)),
    "severe": Severity((20.0, 40.0), (0.85, 1.0)),
}

_WATER: tuple[Range, Range, Range] = ((1000, 1400), (120, 200), (0.85, 0.95))
_CLOT: tuple[Range, Range, Range, Range] = ((57, 80), (1000, 1300), (35, 50), (0.75, 0.85))  # [3]_

LESION_KINDS: dict[str, LesionKind] = {
    "haematoma": LesionKind(*_CLOT, site="intracranial", edge=1.2, push=0.3),
    "epidural": LesionKind(*_CLOT, site="rim", shape="lens", edge=1.0, push=0.6),
    "subdural": LesionKind(*_CLOT, site="rim", shape="crescent", edge=1.2, push=0.6),
    # between the second and the third week: as dense as brain, methaemoglobin bright in T2 [3]_
    "subdural_isodense": LesionKind(
        (30, 38),
        (550, 900),
        (150, 250),
        (0.88, 0.95),
        site="rim",
        shape="crescent",
        edge=1.2,
        push=0.6,
    ),
    # blood mixed with fluid in the sulci: denser and of shorter T2 than fluid
    "subarachnoid": LesionKind(
        (50, 70), (1300, 1800), (80, 140), (0.9, 0.95), site="sulci", edge=3.0, scale=2.4
    ),
    "infarct_early": LesionKind(
        (-3.0, -1.0),
        (900, 1150),
        (105, 140),
        (0.84, 0.9),
        shape="territory",
        edge=3.0,
        hu_relative=True,
    ),
    "infarct_subacute": LesionKind((16.5, 20), *_WATER, shape="territory", edge=2.5),  # [1]_
    "infarct_chronic": LesionKind(  # [1]_; gliosis and fluid
        (8.0, 10.5), (1500, 2200), (200, 300), (0.93, 1.0), shape="territory", edge=1.5
    ),
    "oedema": LesionKind((10, 14), *_WATER, site="wm", edge=4.0),
    "tumour": LesionKind(
        (-4.0, 3.0),
        (1200, 1600),
        (100, 180),
        (0.85, 0.95),
        site="intracranial",
        hu_relative=True,
        scale=0.7,
        halo=1.7,
        push=0.4,
    ),
    "calcification": LesionKind(
        (130, 400), (700, 900), (10, 20), (0.1, 0.3), site="brain", edge=0.8, scale=0.4
    ),
    # MRI shows fluid, as in a sulcus, where CT shows brain. Grey matter in place of white would
    # not do: in CT they differ by less than twice the noise.
    "contradiction": LesionKind(
        (0, 0), (2569, 2569), (329, 329), (1, 1), edge=2.0, hu_relative=True
    ),
    # the same tissue in both planes, but not at the same place: nothing is replaced
    "shifted_region": LesionKind(
        (0, 0), (1, 1), (1, 1), (0, 0), shape="shift", edge=3.0, scale=1.5, hu_relative=True
    ),
}

DEFAULT_KINDS: tuple[str, ...] = (
    "haematoma",
    "subdural",
    "subdural_isodense",
    "infarct_early",
    "infarct_subacute",
    "oedema",
    "tumour",
    "calcification",
    "contradiction",
)
"""What ``kinds="default"`` means: lesions that matter in research and in the clinic."""

WHOLE_SLICE_KINDS: dict[str, str] = {
    "swapped_slice": "the MRI is that of another level of the same patient",
    "foreign_slice": "the MRI is that of another patient",
}
"""Kinds that change the pair as a whole: there is no mask, and each plane alone is healthy."""
