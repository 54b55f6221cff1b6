"""What learn_forest.py, learn_forest_large.py, learn_forest_predict.py and learn_gradient_boosting.py do: scikit-learn on
two cores, on the data of learn_bench."""

import json
import time

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier

FEATURES = 20


def data(rows):
    random = np.random.RandomState(0)
    x = random.standard_normal(rows * FEATURES).reshape(rows, FEATURES)
    noise = random.standard_normal(rows)
    number = (x[:, 0] + x[:, 1] * x[:, 2]) + 0.5 * noise
    return x, (number > 0.0).astype(float), number


def summary(trees):
    nodes = features = samples = 0
    total = np.uint64(0)
    for t in (t.tree_ for t in trees):
        nodes += int(t.node_count)
        features += int(t.feature.sum())
        samples += int(t.n_node_samples.sum())
        for values in (t.threshold, t.impurity, t.value):
            bits = np.ascontiguousarray(values).view(np.uint64) >> np.uint64(16)
            total = np.add(total, np.add.reduce(bits, axis=None))
    return {"nodes": nodes, "features": features, "samples": samples, "bits": int(total)}


def forest(rows):
    x, label, _ = data(rows)
    model = RandomForestClassifier(n_estimators=50, random_state=0, n_jobs=2)
    start = time.perf_counter()
    model.fit(x, label)
    return {"fit": time.perf_counter() - start}, summary(model.estimators_)


def predict():
    x, label, _ = data(1_000_000)
    model = RandomForestClassifier(n_estimators=50, random_state=0, n_jobs=2).fit(x[:100_000], label[:100_000])
    start = time.perf_counter()
    predicted = model.predict_proba(x)
    seconds = time.perf_counter() - start
    # Threads add trees in any order, and so round otherwise: rounded shares are compared, not their bits.
    return {"predict": seconds}, {"shares": int(np.floor(predicted * 1e9 + 0.5).astype(np.uint64).sum())}


def boosting():
    x, _, number = data(100_000)
    model = GradientBoostingRegressor(random_state=0)
    start = time.perf_counter()
    model.fit(x, number)
    return {"fit": time.perf_counter() - start}, summary(model.estimators_[:, 0])


JOBS = {
    "forest": lambda: forest(100_000),
    "forest-large": lambda: forest(1_000_000),
    "forest-predict": predict,
    "gradient-boosting": boosting,
}


def run(job):
    seconds, result = JOBS[job]()
    print(json.dumps({"seconds": seconds, "result": result}))
