"""Which commands write each file of results, for `all.py`."""

from __future__ import annotations

from pathlib import Path

Command = list[str]

OTHERWISE = {
    "beside_old_commit": "compares two checkouts: beside_old_commit.py --old",
    "brain_masks": "has rows of an older checkout: brain_masks.py --version",
    "lesion_size": "has rows of an older checkout: lesion_size.py --version",
    "skull_base": "has rows of an older checkout: skull_base.py --name",
    "pairs_a_second": "compares two checkouts: pairs_a_second.py --beside",
    "unet_speed": "has rows of a GPU: unet_speed.py",
    "reproduced": "compares rows with those before: compare_rows.py",
    "mutants": "needs a session of cosmic-ray or mutmut: mutants.py",
    "peers": "needs an environment with anomalib: peers/compare_patchcore.py",
}
"""Files that one machine and one checkout can't write again, and what does."""


def synthetic(store: Path) -> dict[str, list[Command]]:
    """Files of results on synthetic heads."""
    spoilt = ["--seeds", "0", "--detectors", "atlas,cross-modal", "--store"]
    hard = ["--severities", "mild,moderate,severe", "--kinds", "all", "--seeds", "0,1,2"]
    return {
        "synthetic": [["run_synthetic.py", "--store", str(store / "synthetic")]],
        "robustness": [["run_synthetic.py", "--conditions", *spoilt, str(store / "robustness")]],
        "cross_modal": _each_seed("cross_modal.py"),
        "deep_features": _each_seed("deep_features.py"),
        "autoencoders": _each_seed("autoencoders.py"),
        "presets": _each_seed("presets.py", "--threads", "2"),
        "preset_curves": [["preset_curves.py", "--store", str(store / "curves")]],
        "sequences": _each_seed("sequences.py"),
        "many_planes": [["many_planes.py"]],
        "neighbours": [["neighbours.py", "--seeds", "0", "1", "--spacings", "5"]],
        "ablation": [["phantom_pairs.py", "--ablation", "--seeds", "0,1,2"]],
        "difficulty": [
            ["phantom_pairs.py", *hard, "--detectors", "threshold,atlas-position,atlas"],
        ],
        "phantom_pairs": [["phantom_pairs.py", "--seeds", "0,1,2"]],
        "generic_bias": [["generic_bias.py"]],
        "patient_coverage": [["patient_coverage.py"]],
        "exchangeable": [["exchangeable.py"]],
    }


def development() -> dict[str, list[Command]]:
    """Files of results on seeds that settings were chosen on."""
    return {
        "map_scoring": [
            ["map_scoring.py", "--seeds", "111", "--detector", name]
            for name in ("cross-modal", "atlas")
        ],
        "cross_fitting": [["cross_fitting.py", "--seed", "120", "--epochs", "10"]],
        "summary_bank": [["summary_bank.py", "--seed", "121"]],
    }


def costs(pictures: Path) -> dict[str, list[Command]]:
    """Files about time, memory and the phantom itself; nothing else should run meanwhile."""
    both = [["--threads", "1"], ["--threads", "2"]]
    return {
        "cross_modal_speed": [["cross_modal_speed.py", *threads] for threads in both],
        "backbone": [["backbone.py", *threads] for threads in both],
        "deep_speed": [["deep_speed.py", "--threads", "2"]],
        "autoencoder_speed": [["autoencoder_speed.py", "--threads", "2"]],
        "evaluation_speed": [["evaluation_speed.py"]],
        "cluster_speed": [["cluster_speed.py"]],
        "loading": [["loading.py"]],
        "model_size": [["model_size.py"]],
        "phantom_speed": [["phantom_speed.py"]],
        "phantom_validation": [["phantom_validation.py", "--pictures", str(pictures)]],
        "scoring_runs": [["scoring_runs.py"]],
        "training_memory": [["training_memory.py"]],
    }


def of_real_pairs(folder: str, store: Path) -> dict[str, list[Command]]:
    """Files that need a folder of real pairs with labels.csv."""
    about = [folder, "--labels", f"{folder}/labels.csv", "--patient", "patient"]
    maps = ["--maps", str(store / "maps")]
    members = ["--members", "cross-modal", "autoencoder", "synthetic"]
    fits = [
        ["real_presets.py", *about, *maps, "--seed", seed, *more, *members]
        for seed in ("0", "1", "2")
        for more in ([], ["--all-slices"])
    ]
    return {
        "real_pairs": [
            ["real_pairs.py", *about],
            ["real_pairs.py", *about, "--ablation"],
        ],
        "real_presets": [*fits, ["real_presets.py", *about, *maps, "--report"]],
        "near_slices": [
            ["near_slices.py"],
            ["near_slices.py", "--folder", folder, "--patient", r"^(case\d+)"],
        ],
        "pairing": [["pairing.py", "--real", str(Path(folder).parent)]],
        "registration": [["registration.py", "--real", folder]],
    }


def of_real_ct(archive: str, labels: str) -> dict[str, list[Command]]:
    """Files that need an archive of the Kaggle set with labels."""
    return {"kaggle_ct": [["autoencoders.py", "--kaggle", archive, "--labels", labels]]}


def _each_seed(script: str, *more: str) -> list[Command]:
    return [[script, "--seed", seed, *more] for seed in ("0", "1", "2")]
