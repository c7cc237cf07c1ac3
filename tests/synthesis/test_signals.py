"""Laws of the signal equation and of the tissue tables."""

from __future__ import annotations

import numpy as np
import pytest

from ctmri_detect.synthesis.signals import SEQUENCES, Sequence, make_protocol, spin_echo
from ctmri_detect.synthesis.tissues import TISSUES, Tissue, tissues_at


@pytest.mark.parametrize("field_strength", [1.5, 3.0])
@pytest.mark.parametrize(
    ("sequence", "order"),
    [
        ("t1", ("csf", "gm", "wm")),
        ("t2", ("wm", "gm", "csf")),
        ("pd", ("wm", "gm")),
        ("flair", ("csf", "wm", "gm")),
    ],
)
def test_sequences_order_the_tissues_as_they_should(sequence, order, field_strength):
    healthy = make_protocol(sequence, field_strength).healthy
    signals = [healthy[name] for name in order]
    assert signals == sorted(signals)


@pytest.mark.parametrize("field_strength", [1.5, 3.0])
def test_flair_nulls_fluid(field_strength):
    assert make_protocol("flair", field_strength).healthy["csf"] < 1e-6


def test_signal_equation_by_hand():
    tissue, timing = Tissue(0.0, 800.0, 80.0, 0.9), Sequence(tr=2000.0, te=40.0)
    by_hand = 0.9 * (1 - np.exp(-2.5)) * np.exp(-0.5)
    assert spin_echo(tissue, timing) == pytest.approx(by_hand)
    assert spin_echo(tissue, Sequence(1e9, 0.0)) == pytest.approx(0.9)  # fully relaxed


def test_a_lesion_at_3_tesla_relaxes_more_slowly_along_the_field():
    lesion = Tissue(0.0, 1200.0, 150.0, 0.9)
    assert make_protocol("t1", 3.0).signal(lesion) < make_protocol("t1", 1.5).signal(lesion)
    assert make_protocol("t2", 1.5).signal(lesion) == spin_echo(lesion, SEQUENCES["t2"])
    assert make_protocol("flair", 3.0).timing.ti > make_protocol("flair", 1.5).timing.ti


def test_tables_hold_the_same_tissues_in_the_same_order():
    assert list(tissues_at(3.0)) == list(tissues_at(1.5)) == list(TISSUES)
    assert all(tissues_at(3.0)[name].t1 >= TISSUES[name].t1 for name in TISSUES)
    assert [tissues_at(3.0)[n].hu for n in TISSUES] == [TISSUES[n].hu for n in TISSUES]


def test_errors_say_what_is_valid():
    with pytest.raises(ValueError, match="flair"):
        make_protocol("dwi")
    with pytest.raises(ValueError, match=r"1\.5 or 3"):
        tissues_at(7.0)
