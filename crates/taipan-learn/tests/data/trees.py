"""Writes trees.json: what scikit-learn's trees, forests and boosting give, for tests/parity_trees.rs to compare with.

    venv/bin/python crates/taipan-learn/tests/data/trees.py [OUTPUT [CASES [SEED]]]

See basics.py for the environment. The data of a case is not written: both sides make it from its seed, by the same
draws in the same order. Of the fitted trees a digest is written: SHA-256 over the arrays of all trees, little-endian.
"""

import hashlib
import json
import pathlib
import sys
import warnings

import numpy as np
from sklearn import dummy, ensemble, tree

warnings.simplefilter("ignore")


def column(r, kind, n):
    """One feature; the letters are explained at `Data::column` of the test."""
    u = np.array([r.random_sample() for _ in range(n)])
    if kind == "u":
        return u
    if kind == "i":
        return np.floor(u * 5.0)
    if kind == "k":
        return np.full(n, 2.5)
    if kind == "t":
        return np.floor(u * 20.0) / 10.0
    if kind == "e":
        return 1.0 + np.floor(u * 40.0) * 4e-8
    if kind == "g":
        return (u - 0.5) * 1e6
    if kind == "h":
        v = np.array([r.random_sample() for _ in range(n)])
        return np.where(v < 0.2, np.nan, u)
    if kind == "j":
        v = np.array([r.random_sample() for _ in range(n)])
        return np.where(v < 0.3, np.nan, np.floor(u * 4.0))
    raise ValueError(kind)


def data(case):
    r = np.random.RandomState(case["seed"])
    n, p, k = case["n"], len(case["columns"]), case["outputs"]
    x = np.column_stack([column(r, kind, n) for kind in case["columns"]])
    y = np.zeros((n, k))
    for output in range(k):
        u = np.array([r.random_sample() for _ in range(n)])
        signal = np.nan_to_num(x[:, output % p], nan=0.5)
        signal = np.where(np.abs(signal) > 100.0, signal / 1e6, signal)
        target = case["target"]
        if target[1:].isdigit():
            classes = float(target[1:])
            y[:, output] = np.minimum(np.floor((0.5 * (signal - np.floor(signal)) + 0.5 * u) * classes), classes - 1.0)
        elif target == "real":
            y[:, output] = signal * 3.0 + u * 2.0
        elif target == "integer":
            y[:, output] = np.floor(signal * 3.0 + u * 4.0)
        elif target == "count":
            y[:, output] = np.floor(u * u * 6.0)
    w = None
    if case["weights"] is not None:
        u = np.array([r.random_sample() for _ in range(n)])
        w = {"real": u + 0.1, "zeros": np.where(u < 0.25, 0.0, u), "integer": np.floor(u * 3.0)}[case["weights"]]
    return x, y if k > 1 else y[:, 0], w


def digest(trees):
    h = hashlib.sha256()
    for t in trees:
        t = t.tree_
        inner = t.children_left != -1
        h.update(t.children_left.astype("<i8").tobytes())
        h.update(t.children_right.astype("<i8").tobytes())
        h.update(t.feature.astype("<i8").tobytes())
        h.update(t.threshold.astype("<f8").tobytes())
        h.update(t.impurity.astype("<f8").tobytes())
        h.update(t.n_node_samples.astype("<i8").tobytes())
        h.update(t.weighted_n_node_samples.astype("<f8").tobytes())
        h.update((t.missing_go_to_left.astype(bool) & inner).astype("<i8").tobytes())
        h.update(np.ascontiguousarray(t.value).astype("<f8").tobytes())
    return h.hexdigest()[:24]


def structure(trees):
    """What does not depend on the last bits of a gradient."""
    h = hashlib.sha256()
    for t in (t.tree_ for t in trees):
        for values in (t.children_left, t.children_right, t.feature, t.n_node_samples):
            h.update(values.astype("<i8").tobytes())
    return h.hexdigest()[:24]


def bits(values):
    return hashlib.sha256(np.ascontiguousarray(values).astype("<f8").tobytes()).hexdigest()[:24]


def choose(r, *options):
    return options[r.randint(len(options))]


def shape(r, case):
    """Parameters that all trees have, most of them at their defaults in most cases."""
    p = {"random_state": int(r.randint(1000))}
    if r.randint(3) == 0:
        p["max_depth"] = int(r.randint(1, 8))
    if r.randint(4) == 0:
        p["min_samples_split"] = choose(r, 5, 9, 0.1, 0.25)
    if r.randint(4) == 0:
        p["min_samples_leaf"] = choose(r, 2, 5, 0.03, 0.1)
    if r.randint(6) == 0:
        p["min_weight_fraction_leaf"] = choose(r, 0.01, 0.05, 0.2)
    if r.randint(2) == 0:
        p["max_features"] = choose(r, "sqrt", "log2", 1, 2, 0.5, 1.0, None)
    if r.randint(4) == 0:
        p["max_leaf_nodes"] = int(r.randint(2, 20))
    if r.randint(6) == 0:
        p["min_impurity_decrease"] = choose(r, 0.001, 0.01, 0.05)
    if r.randint(6) == 0:
        p["ccp_alpha"] = choose(r, 0.0005, 0.005, 0.02)
    return p


def columns(r, nan):
    kinds = "uuuittgek" + ("hj" if nan and r.randint(3) == 0 else "")
    return "".join(kinds[r.randint(len(kinds))] for _ in range(r.randint(1, 9)))


def targets(r, case, p, classifier, forest):
    if classifier:
        case["target"] = "c%d" % choose(r, 2, 2, 3, 5, 11)
        p["criterion"] = choose(r, "gini", "gini", "entropy", "log_loss")
        if r.randint(4) == 0:
            p["class_weight"] = choose(r, "balanced", "balanced", "balanced_subsample" if forest else "balanced")
        elif case["outputs"] == 1 and r.randint(6) == 0:
            p["class_weight"] = {"0": 2.0, "1": 0.7}
    else:
        p["criterion"] = choose(r, "squared_error", "squared_error", "squared_error", "absolute_error", "poisson")
        case["target"] = choose(r, "real", "real", "integer") if p["criterion"] != "poisson" else choose(r, "count", "real")
        if p["criterion"] == "poisson" and case["target"] == "real":
            case["columns"] = case["columns"].replace("g", "u")
    if case["outputs"] == 1 and case["target"] in ("c2", "real", "integer", "count") and r.randint(6) == 0:
        p["monotonic_cst"] = [int(v) for v in r.randint(-1, 2, len(case["columns"]))]


def tree_case(r):
    classifier = bool(r.randint(2))
    case = {"seed": int(r.randint(1 << 30)), "n": int(choose(r, 1, 2, 5, 20, 40, 80, 150, 400)), "columns": columns(r, True),
            "outputs": int(choose(r, 1, 1, 1, 2, 3)), "weights": choose(r, None, None, "real", "zeros", "integer")}
    p = shape(r, case)
    targets(r, case, p, classifier, False)
    extra = r.randint(3) == 0
    if not extra and r.randint(4) == 0:
        p["splitter"] = "random"
    case["estimator"] = ("ExtraTree" if extra else "DecisionTree") + ("Classifier" if classifier else "Regressor")
    case["params"] = p
    return case


def forest_case(r):
    classifier = bool(r.randint(2))
    case = {"seed": int(r.randint(1 << 30)), "n": int(choose(r, 2, 10, 40, 100, 250)), "columns": columns(r, True),
            "outputs": int(choose(r, 1, 1, 1, 2)), "weights": choose(r, None, None, None, "real", "zeros", "integer")}
    p = shape(r, case)
    targets(r, case, p, classifier, True)
    p["n_estimators"] = int(r.randint(1, 9))
    extra = r.randint(2) == 0
    if extra or r.randint(5) == 0:
        p["bootstrap"] = bool(r.randint(2))
    if p.get("bootstrap", not extra):
        if r.randint(4) == 0:
            p["max_samples"] = choose(r, 7, 30, 0.4, 0.9)
        multiclass_outputs = classifier and case["outputs"] > 1
        if r.randint(3) == 0 and not multiclass_outputs:
            p["oob_score"] = True
    case["estimator"] = ("ExtraTrees" if extra else "RandomForest") + ("Classifier" if classifier else "Regressor")
    case["params"] = p
    return case


def boosting_case(r):
    classifier = r.randint(3) == 0
    case = {"seed": int(r.randint(1 << 30)), "n": int(choose(r, 12, 40, 100, 250)), "columns": columns(r, False),
            "outputs": 1, "weights": choose(r, None, None, None, "real", "integer")}
    p = shape(r, case)
    if classifier:
        case["target"] = "c%d" % choose(r, 2, 2, 3)
        if case["target"] == "c2" and r.randint(3) == 0:
            p["loss"] = "exponential"
    else:
        case["target"] = choose(r, "real", "real", "integer")
        p["loss"] = choose(r, "squared_error", "squared_error", "absolute_error", "huber", "quantile")
        if p["loss"] in ("huber", "quantile") and r.randint(2):
            p["alpha"] = choose(r, 0.3, 0.5, 0.8)
    p["n_estimators"] = int(r.randint(1, 12))
    if r.randint(3) == 0:
        p["subsample"] = choose(r, 0.5, 0.8)
    if r.randint(3) == 0:
        p["learning_rate"] = choose(r, 0.03, 0.5, 1.0)
    if r.randint(5) == 0:
        p["n_iter_no_change"] = int(r.randint(1, 4))
        p["validation_fraction"] = choose(r, 0.1, 0.3)
    if r.randint(6) == 0:
        p["init"] = "zero"
    case["estimator"] = "GradientBoosting" + ("Classifier" if classifier else "Regressor")
    case["params"] = p
    return case


def init_case(r):
    """Boosting that starts from another estimator."""
    case = boosting_case(r)
    kind = "Classifier" if case["estimator"].endswith("Classifier") else "Regressor"
    seed = int(r.randint(1000))
    case["params"]["init"] = choose(
        r,
        ["Dummy" + kind, {"strategy": "prior" if kind == "Classifier" else "median"}],
        ["DecisionTree" + kind, {"max_depth": 2, "random_state": seed}],
        ["ExtraTree" + kind, {"max_leaf_nodes": 5, "random_state": seed}],
        ["RandomForest" + kind, {"n_estimators": 3, "max_depth": 3, "random_state": seed}],
    )
    return case


def named(name):
    """The estimator of that name, wherever it is."""
    return getattr(next(module for module in (tree, ensemble, dummy) if hasattr(module, name)), name)


def answer(case):
    """Adds scikit-learn's results; False when it refuses the case."""
    x, y, w = data(case)
    params = dict(case["params"])
    if isinstance(params.get("class_weight"), dict):
        params["class_weight"] = {int(label): weight for label, weight in params["class_weight"].items()}
    if isinstance(params.get("init"), list):
        name, of_init = params["init"]
        params["init"] = named(name)(**of_init)
    module = tree if hasattr(tree, case["estimator"]) else ensemble
    model = getattr(module, case["estimator"])(**params)
    try:
        model.fit(x, y, sample_weight=w)
    except (ValueError, ZeroDivisionError):
        return False
    trees = [model] if module is tree else list(np.ravel(model.estimators_))
    case["nodes"] = int(sum(t.tree_.node_count for t in trees))
    case["digest"] = digest(trees)
    case["importances"] = bits(model.feature_importances_)
    predictions = model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)
    if case["estimator"] == "GradientBoostingClassifier":
        predictions = model.decision_function(x)
        if len(model.classes_) > 2:
            # NumPy's exponential, from which boosting starts, is not the C library's.
            case["structure"] = structure(trees)
            case["prediction"] = float(predictions[0, 0])
    case["predictions"] = bits(np.concatenate([np.ravel(p) for p in predictions]) if isinstance(predictions, list) else predictions)
    if params.get("oob_score"):
        case["oob"] = float(model.oob_score_)
        case["oob_predictions"] = bits(getattr(model, "oob_decision_function_", getattr(model, "oob_prediction_", None)))
    if module is tree and x.shape[0] <= 40:
        path = tree_path(case, x, y, w, model)
        if path:
            case["path"] = path
    if hasattr(model, "train_score_"):
        case["train_score"] = bits(model.train_score_)
    return True


def tree_path(case, x, y, w, model):
    path = model.cost_complexity_pruning_path(x, y, sample_weight=w)
    return bits(np.concatenate([path.ccp_alphas, path.impurities])) if "ccp_alpha" not in case["params"] else None


def main():
    here = pathlib.Path(__file__).parent
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "trees.json"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else None
    r = np.random.RandomState(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    result = {}
    families = (("tree", tree_case, 400), ("forest", forest_case, 400), ("boosting", boosting_case, 220), ("init", init_case, 100))
    for name, make, kept in families:
        cases = []
        wanted = count or kept
        while len(cases) < wanted:
            case = make(r)
            if answer(case):
                cases.append(case)
        result[name] = cases
    with output.open("w") as file:
        file.write("{\n")
        for i, (name, cases) in enumerate(result.items()):
            file.write("%s%s: [\n" % (",\n" if i else "", json.dumps(name)))
            file.write(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases))
            file.write("]")
        file.write("}\n")


main()
