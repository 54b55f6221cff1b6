"""Writes linear.json: what scikit-learn's linear models learn, for tests/parity_linear.rs to compare with.

    venv/bin/python crates/taipan-learn/tests/data/linear.py [OUTPUT [CASES [SEED]]]

See basics.py for the environment.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge

warnings.simplefilter("ignore")


def plain(value):
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.floating, float)):
        return float(value)
    if isinstance(value, (np.integer, int)) and not isinstance(value, bool):
        return int(value)
    return value


def features(r, wide=True):
    n, p = r.choice([2, 5, 12, 25, 60]), r.choice([1, 2, 3, 6])
    if wide and r.randint(5) == 0:
        n, p = r.choice([3, 6]), r.choice([8, 15])
    x = r.randn(n, p)
    kind = r.randint(5)
    if kind == 0:
        x = x * 10.0 ** r.randint(-3, 4, p) + r.randint(-100, 100, p)
    if kind == 1:
        x = r.randint(-3, 4, (n, p)).astype(float)
    if kind == 2 and p > 1:
        x[:, 0] = 0.1
    return x.round(4)


def weights(r, n):
    if r.randint(2):
        return None
    w = r.randint(0, 4, n).astype(float) if r.randint(2) else r.random_sample(n).round(3) + 0.05
    w[r.randint(n)] = 2.0
    return w


def targets(r, x):
    k = r.choice([1, 1, 1, 2, 3])
    y = x @ r.randn(x.shape[1], k) / np.maximum(1, np.abs(x).max()) + 0.3 * r.randn(len(x), k) + r.randn(k)
    return y.round(4)


def least_squares(r):
    x = features(r)
    y, w = targets(r, x), weights(r, len(x))
    if r.randint(2):
        params = {"fit_intercept": bool(r.randint(4))}
        model = LinearRegression(**params).fit(x, y, w)
        learnt = {"rank": int(model.rank_), "singular": plain(model.singular_)}
    else:
        params = {"alpha": float(r.choice([1e-2, 0.5, 1.0, 30.0])), "fit_intercept": bool(r.randint(4))}
        model, learnt = Ridge(**params).fit(x, y, w), {}
    learnt |= {"coef": plain(np.atleast_2d(model.coef_)), "intercept": plain(np.ones(y.shape[1]) * model.intercept_)}
    out = {"estimator": type(model).__name__, "params": params, "x": plain(x), "y": plain(y), "weight": plain(w)}
    # The solution moves by this much for a relative change of the input by one unit in the last place.
    centred = x - np.average(x, axis=0, weights=w) * params["fit_intercept"]
    s = np.linalg.svd(centred * np.sqrt(1 if w is None else w)[..., None] if w is not None else centred)[1]
    alpha = params.get("alpha", 0)
    s = s[s > 1e-6 * s[0]] if s[0] > 0 else np.ones(1)
    out["condition"] = float(np.sqrt((s[0] ** 2 + alpha) / (s[-1] ** 2 + alpha)))
    return out | {"learnt": learnt}


def descent(r):
    x = features(r)
    y, w = targets(r, x)[:, :1], weights(r, len(x))
    scale = max(1e-6, np.abs((x - x.mean(axis=0)).T @ (y - y.mean())).max() / len(x))
    params = {
        "alpha": float(np.round(scale * r.choice([0.001, 0.05, 0.3, 2.0]), 6)) if r.randint(20) else 0.0,
        "fit_intercept": bool(r.randint(4)),
        "positive": bool(r.randint(4) == 0),
        "tol": float(r.choice([1e-4, 1e-4, 1e-7])),
        "max_iter": int(r.choice([1000, 1000, 3])),
    }
    if r.randint(4) == 0:
        params |= {"selection": "random", "random_state": int(r.randint(100))}
    if r.randint(4) == 0:
        params["precompute"] = True
    if r.randint(2):
        params["l1_ratio"] = float(r.choice([0.1, 0.5, 0.9, 1.0, 0.0]))
    cls = ElasticNet if "l1_ratio" in params else Lasso
    model = cls(**params).fit(x, y[:, 0], w)
    learnt = {
        "coef": plain(model.coef_), "intercept": float(model.intercept_), "n_iter": int(model.n_iter_),
        "dual_gap": float(model.dual_gap_),
    }
    out = {"estimator": cls.__name__, "params": params, "x": plain(x), "y": plain(y), "weight": plain(w)}
    return out | {"learnt": learnt}


def logistic(r):
    x = features(r, wide=False)
    n = len(x)
    k = int(min(n, r.choice([2, 2, 3, 4])))
    scores = (x - x.mean(axis=0)) / (x.std(axis=0) + 1) @ r.randn(x.shape[1], k) + r.gumbel(size=(n, k))
    y = scores.argmax(axis=1)
    y[r.permutation(n)[:k]] = np.arange(k)
    y = y * 3 - 1
    w = None if r.randint(2) else r.random_sample(n).round(3) + 0.05
    params = {"C": float(r.choice([0.01, 1.0, 1.0, 30.0])), "fit_intercept": bool(r.randint(4))}
    if r.randint(3) == 0:
        params["class_weight"] = "balanced" if r.randint(2) else {-1: 2.0, 2: 0.5}
    solver = r.choice(["lbfgs", "lbfgs", "lbfgs", "liblinear", "saga", "newton-cholesky"])
    if solver == "liblinear" and k > 2:
        solver = "saga"
    params["solver"] = str(solver)
    if solver == "liblinear":
        params["l1_ratio"] = float(r.choice([0.0, 1.0]))
    if solver == "saga":
        params["l1_ratio"] = float(r.choice([0.0, 0.5, 1.0]))
    if solver != "lbfgs":
        # Their own results are rough, so they are asked for more.
        params |= {"tol": 1e-7, "max_iter": 5000}
        x = ((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-3)).round(4)
    model = LogisticRegression(**params, random_state=0).fit(x, y, w)
    learnt = {
        "coef": plain(model.coef_), "intercept": plain(model.intercept_), "n_iter": int(np.max(model.n_iter_)),
        "proba": plain(model.predict_proba(x[:2])), "predicted": plain(model.predict(x).astype(int)),
    }
    if isinstance(params.get("class_weight"), dict):
        params["class_weight"] = {str(c): v for c, v in params["class_weight"].items()}
    return {"params": params, "x": plain(x), "y": plain(y), "weight": plain(w), "learnt": learnt}


def iris():
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(x, y)
    return {
        "x": plain(x), "y": plain(y), "coef": plain(model.coef_), "intercept": plain(model.intercept_),
        "n_iter": plain(model.n_iter_), "score": float(model.score(x, y)),
    }


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("linear.json")
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    r = np.random.RandomState(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    lines = [f'"iris": {json.dumps(iris(), separators=(",", ":"))}']
    for make, share in [(least_squares, 0.4), (descent, 0.4), (logistic, 0.4)]:
        entries = [json.dumps(make(r), separators=(",", ":"), allow_nan=False) for _ in range(int(cases * share))]
        lines.append(f'"{make.__name__}": [\n' + ",\n".join(entries) + "\n]")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
