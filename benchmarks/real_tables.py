"""Tables of the docs about real images and about patients, for `write_tables.py`."""

from __future__ import annotations

from table_spec import Part, Table, around, last, listed, said, span

INSIDE = ("inside case20", "inside case32", "inside case41", "inside, mean")
FIGURES = [
    *(Part(name, form=last("{:.3f}", name)) for name in (*INSIDE, "pooled")),
    Part("normal slices flagged", form=last("{:.3f}", "normal slices flagged")),
]
CONTROL = "control: patient identity alone"
DETECTORS = {
    "threshold": "threshold",
    "atlas-position": "atlas-position",
    "atlas": "atlas",
    "autoencoder †": "autoencoder",
    "cross-modal": "cross-modal",
    "deep-mahalanobis": "deep-mahalanobis",
    "deep-ocsvm": "deep-ocsvm",
    "patch-memory": "patch-memory",
    CONTROL: CONTROL,
}
EVIDENCE = (
    "mismatch alone",
    "symmetry alone",
    "within alone",
    "mismatch and symmetry",
    "mismatch and within (default)",
    "all three",
    CONTROL,
)
BRAIN = "AUROC, slices that show brain"
INTERVAL = said("{:.2f} ({:.2f} to {:.2f})", "auroc", "low", "high")
CT = {
    "denoising †": "denoising",
    "variational †": "variational",
    "uncertainty †": "uncertainty",
    "plain †": "plain",
    "atlas": "atlas",
    "atlas, symmetry required": "atlas, symmetry required",
    "deep-mahalanobis": "deep-mahalanobis",
    "deep-ocsvm": "deep-ocsvm",
    "deep-iforest": "deep-iforest",
    "patch-memory": "memory",
    "threshold": "threshold",
    'cross-modal, "within" alone': "within",
    "synthetic, planes": "synthetic, planes",
    'the three members of "best", CT alone (one seed)': "best, one modality",
    "control: brain area": "control: brain area",
    "control: outline of the head": "control: outline of the head",
}
CT_FORMS = {
    "synthetic, planes": around("**{}**; seeds {}", INTERVAL, listed("{:.2f}", "auroc")),
    "control: outline of the head": said("{:.2f} † ({:.2f} to {:.2f})", "auroc", "low", "high"),
}
RATE = said("{:.1%}", "mean")
SCANNERS = {
    "same scanner, healthy": "the same",
    "same scanner, 30 % of the patients with lesions in half of their slices": (
        "the same, 30 % with lesions"
    ),
    "same scanner, all patients with such lesions": "the same, all with lesions",
    "3 T, or FLAIR in place of T2, or 5 % more noise": ("3 T", "FLAIR", "noise, 5 % more"),
    "a bias field of 0.3": "bias field, .3",
}

TABLES = {
    "real-pairs": Table(
        "real_pairs",
        "detector",
        [Part(label, {"detector": name, "training": None}) for label, name in DETECTORS.items()],
        FIGURES,
    ),
    "real-evidence": Table(
        "real_pairs",
        "evidence",
        [Part(name, {"detector": name, "training": "all slices"}) for name in EVIDENCE],
        FIGURES,
    ),
    "real-ct": Table(
        "kaggle_ct",
        "",
        [
            Part(label, {"detector": name}, {BRAIN: CT_FORMS[label]} if label in CT_FORMS else None)
            for label, name in CT.items()
        ],
        [
            Part(BRAIN, {"which": "brain"}, INTERVAL),
            Part("AUROC, all slices", {"which": "all"}, INTERVAL),
        ],
        missing="",
    ),
    "patient-rates": Table(
        "patient_coverage",
        "healthy patients n",
        [Part(str(n), {"way": "recalibrate", "healthy_patients": n}) for n in (20, 50, 200)],
        [
            Part("promised", form=said("{:.1%}", "expected")),
            *(
                Part(name, {"detector": name}, RATE)
                for name in ("threshold", "atlas", "cross-modal")
            ),
            Part(
                "5 to 95 % of the draws (atlas)",
                {"detector": "atlas"},
                said("{:.0%} to {:.0%}", "p05", "p95"),
            ),
        ],
    ),
    "scanners": Table(
        "exchangeable",
        "new patients",
        [Part(label, {"scanner": name}) for label, name in SCANNERS.items()],
        [Part("called different", form=span("{:.1%}", "alarms_0.01"))],
    ),
}
