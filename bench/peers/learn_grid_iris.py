"""grid-iris: the grid search, as scikit-learn's documentation would write it, on two cores."""

import json
import time

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV

x, y = load_iris(return_X_y=True)
search = GridSearchCV(
    RandomForestClassifier(random_state=42),
    {"n_estimators": [50, 100, 200], "max_depth": [3, 5, 7]},
    cv=5,
    n_jobs=2,
)
start = time.perf_counter()
search.fit(x, y)
seconds = time.perf_counter() - start
result = {
    "best": search.best_params_,
    "mean": search.cv_results_["mean_test_score"].tolist(),
    "rank": search.cv_results_["rank_test_score"].tolist(),
    "importances": search.best_estimator_.feature_importances_.tolist(),
}
print(json.dumps({"seconds": {"search": seconds}, "result": result}))
