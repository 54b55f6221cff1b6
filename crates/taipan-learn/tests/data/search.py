"""Writes search.json: what scikit-learn's searches and curves find, for tests/parity_search.rs to compare with.

    venv/bin/python crates/taipan-learn/tests/data/search.py [OUTPUT [CASES [SEED]]]

See basics.py for the environment. Candidates, ranks and the scores of trees must be the same; scores that come from
sums of real numbers agree to a relative 1e-10.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from sklearn import model_selection as ms
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

warnings.simplefilter("ignore")


def plain(value):
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def data(r, classes):
    n, p = int(r.choice([18, 30, 45])), int(r.choice([2, 3]))
    x = r.randn(n, p).round(2)
    y = x @ r.randn(p) + 0.5 * r.randn(n)
    if classes:
        y = np.digitize(y, np.quantile(y, [0.4, 0.8])) if r.randint(2) else (y > 0).astype(int)
    return x, y.round(2)


def subject(r):
    """An estimator, how Taipan spells it, and a grid for it."""
    seed = int(r.randint(1000))
    kind = r.randint(6)
    if kind == 0:
        model = DecisionTreeClassifier(random_state=seed)
        return model, ["DecisionTreeClassifier", {"random_state": seed}], {
            "max_depth": [1, 2, None], "min_samples_leaf": [1, 3], "criterion": ["gini", "entropy"],
        }
    if kind == 1:
        model = DecisionTreeRegressor(random_state=seed)
        return model, ["DecisionTreeRegressor", {"random_state": seed}], {
            "max_depth": [1, 2, None], "min_samples_split": [2, 0.3],
        }
    if kind == 2:
        model = RandomForestClassifier(random_state=seed)
        return model, ["RandomForestClassifier", {"random_state": seed}], {
            "n_estimators": [3, 1, 6], "max_depth": [2, None], "max_features": ["sqrt", None],
        }
    if kind == 3:
        return Ridge(), ["Ridge", {}], {"alpha": [0.01, 1.0, 100.0], "fit_intercept": [True, False]}
    if kind == 4:
        model = Pipeline([("scale", StandardScaler()), ("pca", PCA()), ("fit", Ridge())])
        spelled = [["scale", "StandardScaler"], ["pca", "PCA"], ["fit", "Ridge"]]
        return model, ["Pipeline", {"steps": spelled}], {
            "fit__alpha": [0.1, 10.0], "pca__n_components": [1, 2], "scale__with_std": [True, False],
        }
    columns = ColumnTransformer(
        [("a", StandardScaler(), [0]), ("b", MinMaxScaler(), [1])], remainder="passthrough"
    )
    model = Pipeline([("columns", columns), ("fit", DecisionTreeClassifier(random_state=seed))])
    spelled = [["a", "StandardScaler", [0]], ["b", "MinMaxScaler", [1]]]
    steps = [
        ["columns", "ColumnTransformer", {"transformers": spelled, "remainder": "passthrough"}],
        ["fit", "DecisionTreeClassifier", {"random_state": seed}],
    ]
    return model, ["Pipeline", {"steps": steps}], {
        "fit__max_depth": [1, 3], "columns__a__with_mean": [True, False], "columns__remainder": ["drop", "passthrough"],
    }


def cv_of(r):
    seed, k = int(r.randint(1000)), int(r.choice([2, 3, 4]))
    kind = r.randint(4)
    if kind == 0:
        return k, k
    if kind == 1:
        return ms.KFold(k, shuffle=True, random_state=seed), ["KFold", {"n_splits": k, "shuffle": True, "random_state": seed}]
    if kind == 2:
        return ms.RepeatedKFold(n_splits=2, n_repeats=2, random_state=seed), [
            "RepeatedKFold", {"n_splits": 2, "n_repeats": 2, "random_state": seed},
        ]
    return ms.ShuffleSplit(k, test_size=0.3, random_state=seed), [
        "ShuffleSplit", {"n_splits": k, "test_size": 0.3, "random_state": seed},
    ]


def scoring_of(r, model):
    names = ["accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "precision_micro", "recall_macro"]
    if not is_classifier(model):
        names = ["r2", "neg_mean_squared_error", "neg_root_mean_squared_error", "neg_mean_absolute_error",
                 "neg_median_absolute_error", "explained_variance", "neg_max_error"]
    return [None, str(r.choice(names))][r.randint(2)]


def some(r, grid):
    """Part of the grid, its values in another order."""
    names = r.permutation(sorted(grid))[: r.randint(1, len(grid) + 1)]
    return {str(name): [grid[name][i] for i in r.permutation(len(grid[name]))] for name in names}


def found(results, n_splits):
    keys = [f"split{i}_test_score" for i in range(n_splits)]
    out = {
        "params": plain(list(results["params"])),
        "splits": plain(np.array([results[key] for key in keys]).T),
        "mean": plain(results["mean_test_score"]),
        "std": plain(results["std_test_score"]),
        "rank": plain(results["rank_test_score"]),
    }
    if "split0_train_score" in results:
        out["train"] = plain(np.array([results[f"split{i}_train_score"] for i in range(n_splits)]).T)
    return out


def search(r):
    model, spelled, grid = subject(r)
    x, y = data(r, is_classifier(model))
    cv, cv_spelled = cv_of(r)
    scoring = scoring_of(r, model)
    grid = some(r, grid)
    case = {"x": plain(x), "y": plain(y), "estimator": spelled, "cv": cv_spelled, "scoring": scoring, "grid": grid}
    if r.randint(3) == 0:
        seed, n_iter = int(r.randint(1000)), int(r.randint(1, 6))
        s = ms.RandomizedSearchCV(model, grid, n_iter=n_iter, random_state=seed, cv=cv, scoring=scoring)
        case |= {"random_state": seed, "n_iter": n_iter}
    else:
        s = ms.GridSearchCV(model, grid, cv=cv, scoring=scoring, return_train_score=True)
    s.fit(x, y)
    case |= found(s.cv_results_, s.n_splits_)
    return case | {"best": int(s.best_index_), "predicted": plain(s.predict(x[:5] + 0.01))}


def cross_validation(r):
    model, spelled, grid = subject(r)
    x, y = data(r, is_classifier(model))
    cv, cv_spelled = cv_of(r)
    scoring = scoring_of(r, model)
    case = {"x": plain(x), "y": plain(y), "estimator": spelled, "cv": cv_spelled, "scoring": scoring}
    result = ms.cross_validate(model, x, y, cv=cv, scoring=scoring, return_train_score=True)
    case |= {"test": plain(result["test_score"]), "train": plain(result["train_score"])}
    if isinstance(cv, (int, ms.KFold)):
        case["predicted"] = plain(ms.cross_val_predict(model, x, y, cv=cv))
        if is_classifier(model):
            case["proba"] = plain(ms.cross_val_predict(model, x, y, cv=cv, method="predict_proba"))
    name = sorted(grid)[r.randint(len(grid))]
    train, test = ms.validation_curve(model, x, y, param_name=name, param_range=grid[name], cv=cv, scoring=scoring)
    case["validation"] = {"name": name, "range": grid[name], "train": plain(train), "test": plain(test)}
    shuffle = [None, int(r.randint(1000))][r.randint(2)]
    sizes = [[0.5, 1.0, 0.7], [7, 9]][r.randint(2)]
    found_sizes, train, test = ms.learning_curve(
        model, x, y, train_sizes=sizes, cv=cv, scoring=scoring, shuffle=shuffle is not None, random_state=shuffle
    )
    case["learning"] = {
        "sizes": sizes, "shuffle": shuffle, "found": plain(found_sizes), "train": plain(train), "test": plain(test),
    }
    return case


def bias_variance(r):
    """The definitions, written out with NumPy; scikit-learn has no such function."""
    model, spelled, _ = subject(r)
    x, y = data(r, is_classifier(model))
    seed, rounds = int(r.randint(1000)), int(r.choice([5, 12]))
    s = np.random.RandomState(seed)
    x_test, y_test = x[:9] + 0.05, y[:9]
    samples = [s.randint(0, len(y), len(y)) for _ in range(rounds)]
    p = np.array([model.fit(x[rows], y[rows]).predict(x_test) for rows in samples], float)
    if is_classifier(model):
        main = np.array([np.unique(column)[np.unique(column, return_counts=True)[1].argmax()] for column in p.T])
        loss = lambda a, b: (a != b).astype(float)
    else:
        main, loss = p.mean(axis=0), lambda a, b: (a - b) ** 2
    parts = [loss(p, y_test).mean(), loss(main, y_test).mean(), loss(p, main).mean()]
    return {"x": plain(x), "y": plain(y), "estimator": spelled, "seed": seed, "rounds": rounds, "parts": plain(parts)}


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("search.json")
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    r = np.random.RandomState(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    lines = []
    for make, share in [(search, 0.5), (cross_validation, 0.35), (bias_variance, 0.15)]:
        entries = []
        while len(entries) < int(cases * share):
            try:
                entries.append(json.dumps(make(r), separators=(",", ":"), allow_nan=False))
            except ValueError:
                pass  # scikit-learn refuses: a class has too few rows, say
        lines.append(f'"{make.__name__}": [\n' + ",\n".join(entries) + "\n]")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
