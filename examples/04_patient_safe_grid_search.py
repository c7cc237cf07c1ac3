"""
Choose settings with a search that never splits a patient
=========================================================

You learn how to search over the settings of a whole Pipeline. scikit-learn's search divides the
data into folds. If slices of one patient are in both training and test, the results are too
optimistic. ``Pairs`` know their patients, and the splitters of ``model_selection`` use them.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import decision_roc_auc_scorer
from ctmri_detect.model_selection import NormalOnlyGroupKFold, train_validation_test_split
from ctmri_detect.plotting import RocDisplay

# %%
# Keep patients for the end
# -------------------------
# The search takes the best of many results, so this best result is too optimistic. Therefore, we
# keep four of the sixteen patients out of the search, and test on them once, at the end.

data = make_phantom_pairs(16, 5, size=96, anomalous_fraction=0.3, random_state=103)
rows, _, last = train_validation_test_split(
    data.groups, data.target, fractions=(0.75, 0, 0.25), random_state=0
)

# %%
# What the folds are
# ------------------
# ``NormalOnlyGroupKFold`` trains on healthy slices only, and tests on healthy and anomalous slices
# of other patients. ``Pairs`` know the patients, so ``groups=`` is not needed.

X, y = data.data[rows], data.target[rows]
cv = NormalOnlyGroupKFold(3)
for fold, (train, test) in enumerate(cv.split(X, y)):
    both = set(X.groups[train]) & set(X.groups[test])
    print(
        f"fold {fold}: trains on {len(train)} slices ({(y[train] == -1).sum()} anomalous), tests "
        f"on {len(test)} ({(y[test] == -1).sum()} anomalous), patients on both sides: {len(both)}"
    )

# %%
# Search over a whole Pipeline
# ----------------------------
# As in scikit-learn, two underscores separate the names of steps and parameters.

model = make_pipeline(make_preprocessor("hu", size=96), AtlasDetector())
grid = {
    "atlasdetector__map_scoring__smoothing": [1.0, 2.0],
    "atlasdetector__map_scoring__symmetry": [True, False],
}
search = GridSearchCV(model, grid, cv=cv, scoring=decision_roc_auc_scorer).fit(X, y)

columns = [*(f"param_{name}" for name in grid), "mean_test_score", "std_test_score"]
table = pd.DataFrame(search.cv_results_)[columns]
table.columns = [name.split("__")[-1] for name in table.columns]
print(table.sort_values("mean_test_score", ascending=False).to_string(index=False))

# %%
# The patients that were left out
# -------------------------------
# The best model was fitted again on all healthy slices of the search. Here its AUROC is higher on
# the test patients than in the search, and that is luck. With four patients, an AUROC is uncertain:
# its interval is wide, and with fewer than about twenty patients, even that interval is too narrow.
# Differences of a few hundredths between settings are chance, too.

figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
display = RocDisplay.from_estimator(
    {"chosen setting": search}, data.data[last], data.target[last]
).plot(ax)
plt.show()
print(f"in the search {search.best_score_:.3f}, at the end {display.aurocs['chosen setting']:.3f}")

# %%
# Where to go on
# --------------
# Compare detectors, not settings: ``benchmark`` in ``03_course_project.py``. Intervals and tests
# over patients: ``docs/statistics.md``. What each setting of ``MapScoring`` is worth on more data:
# ``docs/results.md``.
