"""
A benchmark on a cluster
========================

You learn how to run a benchmark on several machines, how to continue it after an interruption, and
how to add a detector later without computing anything twice. Here the cluster is small: two Dask
workers in this process. It needs ``pip install distributed``.
"""

import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from joblib import parallel_config

from ctmri_detect import AtlasDetector, CrossModalDetector, ThresholdDetector, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import benchmark, evaluate, format_table, leaderboard
from ctmri_detect.plotting import RocDisplay

try:
    from distributed import Client, LocalCluster
except ImportError:
    Client = None
    print("Dask is not here, so one process does the work. Install it: pip install distributed")

# %%
# The data, the detectors and a store
# -----------------------------------
# The store is a folder that all machines can access. Each result is written completely or not at
# all. A *cell* is one detector on one fold with one seed.

data = make_phantom_pairs(12, 5, size=96, anomalous_fraction=0.3, random_state=121)
store = Path(tempfile.mkdtemp()) / "store"
settings = {
    "preprocessor": make_preprocessor("hu", size=96),
    "store": store,
    "n_jobs": 2,
    "n_threads": 1,
    "progress": False,
}
detectors = {"threshold": ThresholdDetector(), "atlas": AtlasDetector()}

# %%
# On the cluster
# --------------
# ``benchmark`` uses joblib, and joblib can use Dask. For your own cluster, give its address:
# ``Client("scheduler-address:8786")``. If a worker dies, only its current cell is lost.


def run(detectors):
    """A benchmark on two workers, or in this process where Dask is missing."""
    if Client is None:
        return benchmark(detectors, data, **(settings | {"n_jobs": 1}))
    with (
        warnings.catch_warnings(),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster),
        parallel_config(backend="dask"),
    ):
        # the data set goes along with each fit, and Dask says so each time
        warnings.filterwarnings("ignore", message="Sending large graph")
        return benchmark(detectors, data, **settings)


result = run(detectors)
print(len(result.store.log()), "cells were computed")

# %%
# One detector more
# -----------------
# The same call with one more detector computes only the new cells. After an interruption, the same
# call continues where it stopped.

result = run(detectors | {"cross-modal": CrossModalDetector()})
log = result.store.log()
print(len(log), "cells so far; of the last call:", log["detector"].tail(2).tolist())
columns = ["detector", "image_auroc", "image_ap", "pixel_ap", "fit_seconds"]
print(format_table(leaderboard(result.table)[columns]))

# %%
# Evaluate
# --------
# All metrics are computed from the store. This needs no model, and no detector runs again.

figures = evaluate(store)
kept = figures[figures["metric"].isin(["auroc", "pixel_ap", "lesion_sensitivity_at_1"])]
print(kept[["detector", "metric", "value", "low", "high"]].round(3).to_string(index=False))
print("all of them:", ", ".join(figures["metric"].unique()))

figure, ax = plt.subplots(figsize=(5.6, 5.6), layout="constrained")
RocDisplay.from_scores(result.scores).plot(ax)
plt.show()

# %%
# Where to go on
# --------------
# When a cluster is faster, pseudonyms for patients, several data sets at once:
# ``docs/benchmark.md``. A network on several GPUs: ``docs/training.md``.
