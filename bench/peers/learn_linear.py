"""linear: ordinary least squares and ridge, 1 M × 20, in scikit-learn."""

import json
import time

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge

r = np.random.RandomState(0)
x = r.standard_normal((1_000_000, 20))
y = x @ (np.arange(20) - 9.5) + r.standard_normal(len(x))
start = time.perf_counter()
ols = LinearRegression(n_jobs=2).fit(x, y)
middle = time.perf_counter()
ridge = Ridge().fit(x, y)
end = time.perf_counter()
result = {"ols": ols.coef_.tolist(), "ridge": ridge.coef_.tolist(), "intercept": float(ols.intercept_)}
print(json.dumps({"seconds": {"ols": middle - start, "ridge": end - middle}, "result": result}))
