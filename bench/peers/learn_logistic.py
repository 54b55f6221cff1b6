"""logistic: logistic regression, 1 M × 20, in scikit-learn."""

import json
import time

import numpy as np
from sklearn.linear_model import LogisticRegression

r = np.random.RandomState(1)
x = r.standard_normal((1_000_000, 20))
y = (x @ ((np.arange(20) - 9.5) / 4) + r.standard_normal(len(x)) > 0).astype(float)
start = time.perf_counter()
model = LogisticRegression().fit(x, y)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": {"fit": seconds}, "result": {"coef": model.coef_[0].tolist()}}))
