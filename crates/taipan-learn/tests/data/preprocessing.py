"""Writes preprocessing.json: scikit-learn's scalers, encoders, imputer and dummies, for tests/parity_preprocessing.rs.

    venv/bin/python crates/taipan-learn/tests/data/preprocessing.py [OUTPUT [CASES [SEED]]]

See basics.py for the environment. A missing value is the text "nan".
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

warnings.simplefilter("ignore")


def plain(value):
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.floating, float)):
        return "nan" if np.isnan(value) else float(value)
    if isinstance(value, (np.integer, int)) and not isinstance(value, bool):
        return int(value)
    return value


def features(r, missing=True):
    n, p = r.choice([1, 2, 6, 20]), r.choice([1, 2, 4])
    x = (r.randn(n, p) * 10.0 ** r.randint(-2, 3, p) + r.randint(-3, 4, p)).round(4)
    if r.randint(5) == 0:
        x[:, 0] = 0.1
    if missing and r.randint(2):
        x[r.random_sample(x.shape) < 0.2] = np.nan
    return x


def codes(r, like=None):
    n, p = (r.choice([2, 8, 25]), r.choice([1, 2, 3])) if like is None else (6, like.shape[1])
    x = r.choice([-2.0, 0.0, 1.0, 1.5, 7.0, 100.0], (n, p), p=[0.1, 0.3, 0.3, 0.2, 0.05, 0.05])
    if like is not None and r.randint(2):
        x[0, 0] = 55.0
    if r.randint(2):
        x[r.random_sample(x.shape) < 0.1] = np.nan
    return x


def transformer(r):
    kind = r.randint(5)
    w = None
    if kind == 0:
        x, new = features(r), None
        params = {"with_mean": bool(r.randint(4)), "with_std": bool(r.randint(4))}
        model = StandardScaler(**params)
        if r.randint(3) == 0:
            w = r.random_sample(len(x)).round(2) + 0.1
        model.fit(x, sample_weight=w)
    elif kind == 1:
        x, new = features(r), None
        low = float(r.randint(-2, 2))
        params = {"feature_range": [low, low + float(r.choice([0.5, 1, 3]))], "clip": bool(r.randint(2))}
        model = MinMaxScaler(feature_range=tuple(params["feature_range"]), clip=params["clip"]).fit(x)
    elif kind == 2:
        x = features(r)
        if r.randint(4) == 0:
            x[:, 0] = np.nan
        x, new = x.round(0) if r.randint(2) else x, None
        params = {
            "strategy": str(r.choice(["mean", "median", "most_frequent", "constant"])),
            "add_indicator": bool(r.randint(2)), "keep_empty_features": bool(r.randint(2)),
        }
        if r.randint(2):
            params["fill_value"] = 2.5
        model = SimpleImputer(**params).fit(x)
    elif kind == 3:
        x = codes(r)
        new = codes(r, x)
        params = {"handle_unknown": str(r.choice(["error", "ignore", "infrequent_if_exist"]))}
        if r.randint(2):
            params["drop"] = str(r.choice(["first", "if_binary"]))
        if r.randint(3) == 0:
            params["min_frequency"] = [2, 5, 0.2][r.randint(3)]
        if r.randint(3) == 0:
            params["max_categories"] = int(r.randint(1, 5))
        model = OneHotEncoder(sparse_output=False, **params).fit(x)
    else:
        x = codes(r)
        new = codes(r, x)
        params = {}
        if r.randint(2):
            params = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
        if r.randint(2):
            params["encoded_missing_value"] = -2
        model = OrdinalEncoder(**params).fit(x)
    new = x * 1.5 if new is None else new
    out = {"estimator": type(model).__name__, "params": params, "x": plain(x), "new": plain(new), "weight": plain(w)}
    out["x_out"] = plain(model.transform(x))
    try:
        out["new_out"] = plain(model.transform(new))
    except ValueError as error:
        assert "unknown categories" in str(error), error
    if kind in (0, 1, 4):
        # What is unknown comes back as None.
        back = np.array(model.inverse_transform(model.transform(x)), dtype=float)
        out["back"] = plain(back)
    names = [f"x{j}" for j in range(x.shape[1])]
    out["names"] = model.get_feature_names_out(names).tolist()
    return out


def dummy(r):
    n, k = r.choice([1, 3, 10, 30]), r.choice([1, 1, 2])
    w = None if r.randint(2) else r.random_sample(n).round(2) + 0.1
    if r.randint(2):
        y = r.randn(n, k).round(3)
        params = {"strategy": str(r.choice(["mean", "median", "quantile", "constant"]))}
        if params["strategy"] == "quantile":
            params["quantile"] = float(r.choice([0.0, 0.25, 0.5, 0.9, 1.0]))
        if params["strategy"] == "constant":
            params["constant"], y = 1.5, y[:, :1]
        model = DummyRegressor(**params)
    else:
        y = r.randint(0, r.choice([1, 2, 4]), (n, k)) * 2.0
        params = {"strategy": str(r.choice(["prior", "most_frequent", "stratified", "uniform", "constant"]))}
        params["random_state"] = int(r.randint(1000))
        if params["strategy"] == "constant":
            params["constant"], y = float(y[0, 0]), y[:, :1]
        # scikit-learn takes only whole numbers for it.
        model = DummyClassifier(**{**params, **({"constant": int(params["constant"])} if "constant" in params else {})})
    x = np.zeros((len(y), 1))
    model.fit(x, y, sample_weight=w)
    new = np.zeros((12, 1))
    out = {"estimator": type(model).__name__, "params": params, "y": plain(y), "weight": plain(w)}
    out["predicted"] = plain(np.reshape(model.predict(new), (12, -1)))
    if isinstance(model, DummyClassifier):
        proba = model.predict_proba(new)
        out["proba"] = plain(proba if isinstance(proba, list) else [proba])
    return out


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("preprocessing.json")
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    r = np.random.RandomState(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    lines = []
    for make, share in [(transformer, 1), (dummy, 0.5)]:
        entries = [json.dumps(make(r), separators=(",", ":"), allow_nan=False) for _ in range(int(cases * share))]
        lines.append(f'"{make.__name__}": [\n' + ",\n".join(entries) + "\n]")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
