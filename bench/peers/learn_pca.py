"""pca: two principal components, 1 M × 50, in scikit-learn."""

import json
import time

import numpy as np
from sklearn.decomposition import PCA

r = np.random.RandomState(3)
j = np.arange(50)
x = r.standard_normal((1_000_000, 50)) * (1 + 10 / (1 + j)) + j
start = time.perf_counter()
model = PCA(n_components=2).fit(x)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": {"fit": seconds}, "result": {"ratio": model.explained_variance_ratio_.tolist()}}))
