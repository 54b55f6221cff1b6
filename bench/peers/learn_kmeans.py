"""kmeans: twenty clusters, 500,000 × 20, in scikit-learn."""

import json
import time

import numpy as np
from sklearn.cluster import KMeans

r = np.random.RandomState(4)
centres = r.standard_normal((20, 20))
x = r.standard_normal((500_000, 20)) + 2 * centres[np.arange(500_000) % 20]
start = time.perf_counter()
model = KMeans(20, random_state=0).fit(x)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": {"fit": seconds}, "result": {"inertia": float(model.inertia_), "n_iter": model.n_iter_}}))
