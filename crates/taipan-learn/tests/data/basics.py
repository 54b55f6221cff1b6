"""Writes basics.json: what scikit-learn and NumPy compute, for tests/parity_basics.rs to compare with.

    python3 -m venv venv
    venv/bin/pip install scikit-learn==1.9.1 numpy==2.4.6
    venv/bin/python crates/taipan-learn/tests/data/basics.py [OUTPUT]

The cases are fixed: arguments after OUTPUT change nothing. The releases decide the last bits, so they are recorded in
the file. The output is the same on every run on one machine; on another, only numbers of parity grade "close" may differ in their last digits.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import scipy
import sklearn
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    root_mean_squared_error,
)
from sklearn.model_selection import KFold, cross_val_score, train_test_split

warnings.simplefilter("ignore")

SCORINGS = [
    "r2",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_error",
]


def plain(value):
    """NumPy values as JSON values; NaN as null."""
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, (np.integer, int)) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, (np.floating, float)):
        return None if np.isnan(value) else float(value)
    return value


def streams():
    """One call after another on one stream, so that the order in which bits are used counts too."""
    out = []
    for seed in [0, 1, 42, 123456789, 2**32 - 1]:
        r = np.random.RandomState(seed)
        calls = []

        def call(name, args, result):
            calls.append({"call": name, "args": args, "result": plain(np.asarray(result))})

        call("next_u32", [], r.randint(0, 2**32, size=3, dtype=np.int64))
        call("random_sample", [], r.random_sample(3))
        call("normal", [1.5, 2.0], r.normal(1.5, 2.0, 3))
        ranges = [
            (0, 1), (0, 2), (0, 150), (-5, 6), (0, 2**31 - 1), (0, 2**32 - 1), (0, 2**32),
            (0, 2**32 + 1), (-(2**62), 2**62), (-(2**63), 2**63 - 1),
        ]
        for low, high in ranges:
            call("randint", [low, high], r.randint(low, high, size=4, dtype=np.int64))
        call("standard_normal", [], r.standard_normal(4))
        call("permutation", [0], r.permutation(0))
        call("permutation", [1], r.permutation(1))
        call("permutation", [30], r.permutation(30))
        letters = np.arange(10) * 7
        r.shuffle(letters)
        call("shuffle", [plain(np.arange(10) * 7)], letters)
        p = [0.1, 0.0, 0.25, 0.05, 0.35, 0.25]
        call("choice", [9, 6, True, None], r.choice(9, 6))
        call("choice", [9, 6, False, None], r.choice(9, 6, replace=False))
        call("choice", [6, 8, True, p], r.choice(6, 8, p=p))
        call("choice", [6, 5, False, p], r.choice(6, 5, replace=False, p=p))
        call("random_sample", [], r.random_sample(2))
        out.append({"seed": seed, "calls": calls})
    # Far enough to refill the state several times.
    r = np.random.RandomState(7)
    r.random_sample(5000)
    out.append(
        {
            "seed": 7,
            "skip": 5000,
            "calls": [{"call": "random_sample", "args": [], "result": plain(r.random_sample(3))}],
        }
    )
    return out


def splits():
    out = []
    cases = [(5, 0.2, 42), (150, 0.2, 42), (37, 0.25, 0), (37, 0.33, 7), (10, 1, 3), (10, 9, 3)]
    cases += [(2, 0.5, 1), (3, 0.01, 1), (100, 0.29, 5)]
    for n, size, seed in cases:
        train, test = train_test_split(np.arange(n), test_size=size, random_state=seed)
        out.append(
            {"n": n, "test_size": size, "seed": seed, "train": plain(train), "test": plain(test)}
        )
    return out


def folds():
    out = []
    for n, k, seed in [(10, 2, None), (23, 5, None), (23, 5, 42), (7, 7, 1), (31, 3, 0), (12, 5, 9)]:
        cv = KFold(k, shuffle=seed is not None, random_state=seed)
        tests = [plain(test) for _, test in cv.split(np.zeros(n))]
        trains = [plain(train) for train, _ in cv.split(np.zeros(n))]
        out.append({"n": n, "k": k, "seed": seed, "tests": tests, "trains": trains})
    return out


def metrics():
    out = []
    r = np.random.RandomState(11)
    cases = [(r.randn(n).round(4), r.randn(n).round(4)) for n in (1, 2, 3, 7, 8, 9, 50, 128, 129, 300)]
    cases += [
        (np.array([3, -0.5, 2, 7]), np.array([2.5, 0.0, 2, 8])),
        (np.array([0.1, 0.1, 0.1]), np.array([0.1, 0.1, 0.1])),
        (np.array([0.1, 0.1, 0.1]), np.array([0.1, 0.1, 0.2])),
        (np.array([1e8, 1e8 + 1, 1e8 + 3]), np.array([1e8, 1e8 + 1.5, 1e8 + 2])),
    ]
    for y_true, y_pred in cases:
        out.append(
            {
                "y_true": plain(y_true),
                "y_pred": plain(y_pred),
                "r2": plain(r2_score(y_true, y_pred)),
                "mse": plain(mean_squared_error(y_true, y_pred)),
                "rmse": plain(root_mean_squared_error(y_true, y_pred)),
                "mae": plain(mean_absolute_error(y_true, y_pred)),
            }
        )
    return out


def data_sets():
    """Name, X, y; data sets that the tests generate themselves from a seed have no X and y in the file."""
    r = np.random.RandomState(2024)
    sets = []

    def add(name, x, y):
        sets.append((name, np.asarray(x, float).round(4), np.asarray(y, float).round(4)))

    add("houses", [[2600], [3000], [3200], [3600], [4000]], [550000, 565000, 610000, 680000, 725000])
    add("one sample", [[1.5, 2.5]], [3.0])
    add("two samples", [[1.0], [3.0]], [2.0, -4.0])
    for n, p in [(10, 1), (20, 3), (40, 7), (12, 11), (60, 2)]:
        x = r.randn(n, p)
        add(f"noise {n}x{p}", x, x @ r.randn(p) + 0.5 * r.randn(n) + 3)
    x = r.randn(30, 3) * [1e-2, 1.0, 1e3] + [5.0, -2.0, 1e4]
    add("scales and offsets", x, x @ [30.0, 1.0, 1e-3] + 0.1 * r.randn(30))
    x = r.randn(15, 2)
    add("constant target", x, np.full(15, 2.5))
    add("repeated feature", x[:, [0, 1, 0]], x @ [1.0, -2.0] + 0.1 * r.randn(15))
    add("wide 5x9", r.randn(5, 9), r.randn(5))
    add("constant feature", np.c_[x, np.full(15, 0.1)], x @ [2.0, 1.0])
    return sets


def estimators():
    """Estimator and parameters, as for scikit-learn."""
    out = [(LinearRegression, {}), (LinearRegression, {"fit_intercept": False})]
    out += [(LinearRegression, {"tol": 0.5})]
    for alpha in [1e-3, 1.0, 50.0]:
        out += [(Ridge, {"alpha": alpha}), (Ridge, {"alpha": alpha, "fit_intercept": False})]
    out += [
        (DummyRegressor, {}),
        (DummyRegressor, {"strategy": "median"}),
        (DummyRegressor, {"strategy": "constant", "constant": -1.25}),
    ]
    out += [(DummyRegressor, {"strategy": "quantile", "quantile": q}) for q in (0.0, 0.3, 0.5, 0.9, 1.0)]
    return out


def learnt(model):
    if isinstance(model, DummyRegressor):
        return {"constant": plain(model.constant_.ravel()[0])}
    out = {"coef": plain(model.coef_), "intercept": plain(model.intercept_)}
    if isinstance(model, LinearRegression):
        out |= {"rank": int(model.rank_), "singular": plain(model.singular_)}
    return out


def fits():
    out = []
    for name, x, y in data_sets():
        cases = []
        for cls, params in estimators():
            model = cls(**params).fit(x, y)
            predicted = model.predict(x[:3] * 1.5 + 0.25)
            cases.append(
                {
                    "estimator": cls.__name__,
                    "params": params,
                    "learnt": learnt(model),
                    "predicted": plain(predicted),
                }
            )
        out.append({"data": name, "x": plain(x), "y": plain(y), "cases": cases})
    return out


def quantiles():
    """Interpolation between neighbours, where the last bit depends on which neighbour it starts from."""
    r = np.random.RandomState(31)
    out = []
    for n in (2, 3, 11):
        y = r.randn(n)
        qs = r.random_sample(20)
        found = [DummyRegressor(strategy="quantile", quantile=q).fit(y[:, None], y) for q in qs]
        values = np.array([model.constant_.item() for model in found])
        out.append({"y": plain(y), "q": plain(qs), "values": plain(values)})
    return out


def large():
    """More rows than one block: X and noise are drawn from the seed, row by row, and not stored."""
    out = []
    for seed, n, p in [(5, 10_000, 4), (6, 20_001, 7)]:
        r = np.random.RandomState(seed)
        x = r.standard_normal((n, p)) + np.arange(p)
        noise = r.standard_normal(n)
        y = x @ np.arange(1.0, p + 1) + noise
        cases = [
            {"estimator": cls.__name__, "params": params, "learnt": learnt(cls(**params).fit(x, y))}
            for cls, params in estimators()
        ]
        out.append({"seed": seed, "rows": n, "features": p, "cases": cases})
    return out


def cross_validation():
    out = []
    r = np.random.RandomState(77)
    x = r.randn(23, 3).round(3)
    y = (x @ [1.0, -2.0, 0.5] + r.randn(23)).round(3)
    for cls, params in estimators():
        for k, seed in [(5, 42), (23, None)]:
            cv = KFold(k, shuffle=seed is not None, random_state=seed)
            scores = {
                scoring: plain(cross_val_score(cls(**params), x, y, cv=cv, scoring=scoring))
                for scoring in (SCORINGS if k == 5 else SCORINGS[:1])
            }
            case = {"estimator": cls.__name__, "params": params, "k": k, "seed": seed, "scores": scores}
            out.append(case)
    return {"x": plain(x), "y": plain(y), "cases": out}


def main():
    default = pathlib.Path(__file__).with_name("basics.json")
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    data = {
        "versions": {
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "streams": streams(),
        "splits": splits(),
        "folds": folds(),
        "metrics": metrics(),
        "fits": fits(),
        "quantiles": quantiles(),
        "large": large(),
        "cross_validation": cross_validation(),
    }
    # One line per entry of a section: small, and still readable in a diff.
    lines = []
    for key, section in data.items():
        if isinstance(section, list):
            entries = ",\n".join(json.dumps(entry, allow_nan=False) for entry in section)
            lines.append(f"{json.dumps(key)}: [\n{entries}\n]")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(section, allow_nan=False)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
