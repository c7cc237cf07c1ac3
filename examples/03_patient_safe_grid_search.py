"""
A grid search that never splits a patient
=========================================

scikit-learn's search cuts the data into folds. If slices of one patient are on both sides, the
figures flatter. ``Pairs`` know their patients, and the splitters of ``model_selection`` read them.
"""

import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import decision_roc_auc_scorer
from ctmri_detect.model_selection import NormalOnlyGroupKFold

# %%
# Search over a whole Pipeline
# ----------------------------
# ``NormalOnlyGroupKFold`` trains on healthy slices only, and tests on both kinds of other patients.
# Every parameter has a name with two underscores between the steps.

data = make_phantom_pairs(12, 5, size=96, anomalous_fraction=0.3, random_state=103)
model = make_pipeline(make_preprocessor("hu", size=96), AtlasDetector())
grid = {
    "atlasdetector__map_scoring__smoothing": [1.0, 2.0],
    "atlasdetector__map_scoring__reference": ["similar", "position"],
}
search = GridSearchCV(model, grid, cv=NormalOnlyGroupKFold(3), scoring=decision_roc_auc_scorer)
search.fit(data.data, data.target)

# %%
# The table
# ---------

columns = [*(f"param_{name}" for name in grid), "mean_test_score", "std_test_score"]
table = pd.DataFrame(search.cv_results_)[columns]
table.columns = [name.split("__")[-1] for name in table.columns]
print(table.sort_values("mean_test_score", ascending=False).to_string(index=False))

# %%
# The best model was fitted again on all healthy slices
# -----------------------------------------------------

print("flagged:", int((search.predict(data.data) == -1).sum()), "of", len(data.data))
