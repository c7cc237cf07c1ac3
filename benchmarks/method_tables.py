"""Tables of docs/results.md about detectors on synthetic heads, for `write_tables.py`."""

from __future__ import annotations

import pandas as pd
from table_spec import (
    Part,
    Table,
    gain,
    listed,
    of_kind,
    of_patients,
    said,
    significant,
)

EVIDENCE = {
    "U-Net, all three †": "U-Net, all three",
    "U-Net, mismatch and within †": "U-Net, mismatch and within",
    "U-Net, mismatch alone †": "U-Net, mismatch alone",
    "pixel, mismatch and within (**default**)": "default",
    "pixel, all three": "all three",
    "pixel, mismatch and symmetry": "mismatch and symmetry",
    "pixel, mismatch alone": "mismatch alone",
    "pixel, symmetry alone": "symmetry alone",
    "pixel, within alone": "within alone",
}
SETTINGS = {
    "default, without MapScoring's symmetry": "default, without MapScoring's symmetry",
    "default, MapScoring's symmetry required": "default, symmetry required",
    "default, tolerance 0": "tolerance 0",
    "default, trim 0": "trim 0",
    "default, 20 % of training with lesions": "20 % of training with lesions, trim 0.02",
    "default, 20 % of training with lesions, trim 0": "20 % of training with lesions, trim 0",
}
KINDS = (
    "calcification",
    "contradiction",
    "haematoma",
    "infarct_early",
    "infarct_subacute",
    "oedema",
    "subdural",
    "subdural_isodense",
    "tumour",
)
FEATURES = {
    '`DeepFeatureDetector("mahalanobis")`': "mahalanobis",
    '`DeepFeatureDetector("knn")`': "knn",
    '`DeepFeatureDetector("ocsvm")`': "ocsvm",
    '`DeepFeatureDetector("iforest")`': "iforest",
    "`PatchMemoryDetector`": "memory",
    "`AtlasDetector`": "atlas",
    "Mahalanobis: nothing taken away, planes not enlarged": "raw, coarse",
    "Mahalanobis: nothing taken away": "raw",
    "the same, CT and MRI in one vector": "joint",
    "the same, 8 components of it, smoothed": "joint, smoothed",
    "Mahalanobis: similar slices and the place, not smoothed": "similar",
    "Mahalanobis: the other plane and the place, not smoothed": "planes",
    "Mahalanobis: both, not smoothed": "planes and similar",
}
AUROC_AND_AP = [
    Part("image AUROC (95 % interval)", form=of_patients),
    Part("pixel AP", form=said("{:.3f}", "pixel_ap")),
]


def _moved() -> list[Part]:
    """The MRI moved or turned."""
    moves = [(f"moved by {px} px", px, 0) for px in (0, 1, 2, 4, 8)]
    moves += [(f"turned by {n} degree{'s' * (n > 1)}", 0, n) for n in (1, 2, 4)]
    return [
        Part(f"default, MRI {label}", {"what": "misregistration", "shift": px, "turn": turn})
        for label, px, turn in moves
    ]


def _of_unet(figure: str) -> str:
    return f"mismatch and symmetry.{figure}"


def _speed() -> Table:
    """The pixel form and the U-Net beside a matrix product."""
    pixel = said("{:.1f} s = {:.0f} products", "fit, s", "fit in products")
    rate = said("{:.0f} pairs a second", "pairs a second")
    unet = {"file": "unet_speed", "device": "cpu"}
    gpu = {"file": "unet_speed", "device": "NVIDIA H100 80GB HBM3", "threads": 4}
    figures = _of_unet("samples_a_second"), _of_unet("share_of_product")
    times = significant("{} pairs a second = {} x the product's rate", *figures, bare=True)
    return Table(
        "cross_modal_speed",
        "",
        [
            Part("product", form=said("{:.2f} s", "product, s")),
            Part("pixel form, fit of 400 pairs", form=pixel),
            Part("pixel form, scoring", form=rate),
            Part("U-Net, training (bfloat16) †", unet, times),
            Part("U-Net, training on an H100 †", gpu, {"1 thread": times, "2 threads": ""}),
        ],
        [Part("1 thread", {"threads": 1}), Part("2 threads", {"threads": 2})],
    )


def _smoothing(found: pd.DataFrame) -> str:
    means = found.groupby("what")[["auroc", "pixel_ap"]].mean()
    won, lost = means.loc["mahalanobis"] - means.loc["planes and similar"]
    return f"{won:.2f}, and {-lost:.2f} of pixel AP lost".replace("0.", ".")


def _enlarged(found: pd.DataFrame) -> str:
    found = found[found["seed"] == 0].set_index("what")["auroc"]
    coarse, fine = found["raw, coarse"], found["raw"]
    return f"{fine - coarse:.2f} (seed 0: {coarse:.3f} to {fine:.3f})".replace("0.", ".")


def _latent() -> Table:
    """The detector of latent features, beside others on the same heads."""
    both = said("{:.3f} / {:.3f}", "image_auroc", "pixel_ap")
    own = {"detector": "latent", "metric": "auroc", "file": "synthetic"}
    names = {"deep-ocsvm": "deep-ocsvm", "denoising autoencoder": "autoencoder", "atlas": "atlas"}
    label = "latent, the benchmark's run (another machine, one thread), AUROC"
    return Table(
        "phantom_pairs",
        "detector",
        [
            Part("latent", {"detector": "latent"}, both),
            Part(label, own, said("{:.3f}", "value", bare=True)),
            *(Part(label, {"detector": name}, both) for label, name in names.items()),
        ],
        [
            *(Part(f"seed {seed}", {"kind": "all", "seed": seed}) for seed in (0, 1, 2)),
            Part("mean", {"kind": "all"}),
        ],
    )


FLAGGED = ("flagged", "flagged CT alone", "flagged MRI alone")
DEEP_COLUMNS = [
    Part("seeds", form=listed("{}", "seed")),
    *AUROC_AND_AP,
    Part("CT alone", form=said("{:.2f}", "auroc CT alone")),
    Part("MRI alone", form=said("{:.2f}", "auroc MRI alone")),
    Part("healthy slices flagged", form=said("{:.0%}, {:.0%}, {:.0%}", *FLAGGED)),
]
WHOLE_SLICES = 'Mahalanobis of whole slices (`level="image"`), everything taken away ‡'
WHOLE_CELLS = ("0", "0.819", "0.019", "", "", "")
DEEP_LINES = [
    *(Part(label, {"what": what}) for label, what in FEATURES.items()),
    Part(WHOLE_SLICES, form={c.label: t for c, t in zip(DEEP_COLUMNS, WHOLE_CELLS, strict=True)}),
]
DEEP_PARTS = [
    Part("prediction from the other plane", form=gain("auroc", "what", "planes", "raw")),
    Part("planes in one vector", form=gain("auroc", "what", "joint", "raw")),
    Part("planes enlarged", form=_enlarged),
    Part("smoothing", form=_smoothing),
    Part(
        "similar slices alone",
        form="nothing; together with the other plane, hardly more than the other plane",
    ),
    Part("smoothing a few components of joined planes, without prediction", form="nothing"),
]
DEEP_KINDS = {"everything taken away": "mahalanobis", "nothing taken away": "raw", "atlas": "atlas"}
FITS = {
    ("quiet", "Mahalanobis"): {"cpu": "AMD EPYC", "what": "mahalanobis"},
    ("quiet", "One-Class SVM"): {"cpu": "AMD EPYC", "what": "ocsvm"},
    ("slower", "Mahalanobis"): {"cpu": "Intel(R) Xeon(R) Processor", "what": "mahalanobis"},
    ("slower", "patch memory"): {"cpu": "Intel(R) Xeon(R) Processor", "what": "memory"},
}
DISTURBED = {"machine": "Intel, 2 cores; its first row was disturbed by other work"}
OURS = {
    "ours, patches from anywhere, PatchCore's scores": "ours: anywhere, plain scores",
    "ours, patches from anywhere, scores of `MapScoring`": "ours: anywhere",
    "ours, place and similar slices, nothing taken away": "ours: restricted",
    "ours, the default (its own layers, conditioned)": "ours: default",
}
PATCHCORE = "anomalib's PatchCore"

TABLES = {
    "cross-modal": Table(
        "cross_modal",
        "form, evidence, condition",
        [*(Part(k, {"what": v}) for k, v in (EVIDENCE | SETTINGS).items()), *_moved()],
        AUROC_AND_AP,
    ),
    "cross-modal-kinds": Table(
        "cross_modal",
        "",
        [Part(label, {"what": what}) for label, what in EVIDENCE.items()],
        [Part(kind, form=of_kind(kind)) for kind in KINDS],
    ),
    "cross-modal-speed": _speed(),
    "deep-features": Table("deep_features", "detector", DEEP_LINES, DEEP_COLUMNS),
    "deep-kinds": Table(
        "deep_features",
        "kind",
        [Part(kind, form=of_kind(kind)) for kind in KINDS],
        [Part(label, {"what": what}) for label, what in DEEP_KINDS.items()],
    ),
    "deep-parts": Table("deep_features", "part", DEEP_PARTS, [Part("AUROC")]),
    "deep-speed": Table(
        "deep_speed",
        ("machine", "detector"),
        [Part(label, where) for label, where in FITS.items()],
        [
            Part("a 4096 x 4096 product", form=said("{:.1f} s", "product_seconds")),
            Part("fit", form=said("{:.0f} s", "fit_seconds")),
            Part("pairs a second, scoring", form=said("{:.0f}", "pairs_a_second")),
        ],
    ),
    "peers": Table(
        "peers",
        "",
        [
            Part(
                PATCHCORE,
                {"what": PATCHCORE} | DISTURBED,
                {"memory": said("process of {:.0f} MiB", "peak_mib")},
            ),
            *(Part(label, {"what": what}) for label, what in OURS.items()),
        ],
        [
            Part(label, {"machine": "AMD, 2 cores, quiet"}, form)
            for label, form in {
                "image AUROC": said("{:.3f}", "auroc"),
                "fit, s": said("{:.0f}", "fit_seconds"),
                "scoring, s": said("{:.0f}", "score_seconds"),
                "memory": said("+{:.0f} MiB", "rise_mib"),
            }.items()
        ],
    ),
    "latent": _latent(),
}
