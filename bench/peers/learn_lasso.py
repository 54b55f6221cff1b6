"""lasso: Lasso, 100,000 × 200, in scikit-learn."""

import json
import time

import numpy as np
from sklearn.linear_model import Lasso

r = np.random.RandomState(2)
x = r.standard_normal((100_000, 200))
j = np.arange(200)
y = x @ np.where(j % 10 == 0, 1 + j / 100, 0.0) + r.standard_normal(len(x))
start = time.perf_counter()
model = Lasso(alpha=0.01).fit(x, y)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": {"fit": seconds}, "result": {"coef": model.coef_.tolist(), "n_iter": [model.n_iter_]}}))
