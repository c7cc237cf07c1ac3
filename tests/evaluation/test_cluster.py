import os
import signal
import threading
import time

import pytest
from joblib import parallel_config
from slow_benchmark import N_CELLS, run, same

from ctmri_detect.evaluation import Store

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.ThresholdWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def cluster():
    """Two worker processes of one thread on this machine."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as local, distributed.Client(local) as client:
        yield client


def test_two_workers_of_a_cluster_give_what_one_process_gives_though_one_is_killed(
    cluster, tmp_path
):
    folder = tmp_path / "store"
    victim = next(iter(cluster.run(os.getpid).values()))

    def kill():
        while len(Store(folder).log()) < N_CELLS // 4:
            time.sleep(0.01)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with parallel_config(backend="dask"):
        result = run(folder, n_jobs=-1, seconds=0.2)
    killer.join()
    same(run(None, seconds=0.2), result)
    log = result.store.log()
    assert log["process"].nunique() >= 2
    assert os.getpid() not in set(log["process"])
    assert log["cell"].nunique() == N_CELLS
