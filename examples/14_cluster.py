"""
A benchmark on a cluster
========================

You learn how to run a benchmark on several machines, how to go on after a stop, and how to add a
detector later without computing anything twice. Here the cluster is small: two workers of Dask in
this process. It needs ``pip install distributed``.
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
# The store is a folder that all machines see. Each result is written there whole or not at all. A
# *cell* is one detector on one fold with one seed.

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
# joblib knows Dask, and so ``benchmark`` does. For your own cluster, write its address:
# ``Client("scheduler-address:8786")``. A worker that dies loses the cell that it was at, and no
# other.


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
# The same call with another detector computes what is new. After a stop, the same call goes on
# where it was.

result = run(detectors | {"cross-modal": CrossModalDetector()})
log = result.store.log()
print(len(log), "cells so far; of the last call:", log["detector"].tail(2).tolist())
columns = ["detector", "image_auroc", "image_ap", "pixel_ap", "fit_seconds"]
print(format_table(leaderboard(result.table)[columns]))

# %%
# Evaluate
# --------
# All figures come from what is stored: no model is needed any more, and no detector runs again.

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
# When a cluster pays and when it doesn't, pseudonyms for patients, several data sets at once:
# ``docs/benchmark.md``. A network on several GPUs: ``docs/training.md``.
