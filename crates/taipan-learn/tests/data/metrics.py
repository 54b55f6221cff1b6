"""Writes metrics.json: what scikit-learn's metrics give, for tests/parity_metrics.rs to compare with.

    venv/bin/python crates/taipan-learn/tests/data/metrics.py [OUTPUT [CASES [SEED]]]

See basics.py for the environment. More CASES and another SEED make fresh cases for the same tests.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from sklearn import metrics as m

warnings.simplefilter("ignore")


def plain(value):
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.floating, float)):
        return None if np.isnan(value) else "inf" if np.isinf(value) else float(value)
    if isinstance(value, (np.integer, int)):
        return int(value)
    return value


def weights(r, n):
    kind = r.randint(4)
    if kind < 2:
        return None
    w = r.randint(0, 5, n).astype(float) if kind == 2 else r.random_sample(n).round(3)
    w[r.randint(n)] = 1.0
    return w


def regression(r):
    n, k = r.choice([1, 2, 3, 7, 9, 20, 40]), r.choice([1, 1, 1, 2, 3])
    y_true, y_pred = r.randn(n, k).round(3), r.randn(n, k).round(3)
    shape = r.randint(8)
    if shape == 0:
        y_true[:] = 0.1
    if shape == 1:
        y_pred = y_true + (0.25 if r.randint(2) else 0.0)
    if shape == 2:
        y_true[:, 0] = 0.0
    if shape == 3:
        y_true, y_pred = (np.round(a * 2) for a in (y_true, y_pred))
    w = weights(r, n)
    out = {"y_true": plain(y_true), "y_pred": plain(y_pred), "weight": plain(w)}
    for name in [
        "r2_score", "explained_variance_score", "mean_squared_error", "root_mean_squared_error",
        "mean_absolute_error", "median_absolute_error", "mean_absolute_percentage_error",
    ]:
        if name == "r2_score" and n < 2:
            continue
        f = getattr(m, name)
        out[name] = plain(np.atleast_1d(f(y_true, y_pred, sample_weight=w, multioutput="raw_values")))
        out[name + " mean"] = plain(f(y_true, y_pred, sample_weight=w))
    if n > 1:
        for name in ["r2_score", "explained_variance_score"]:
            f = getattr(m, name)
            out[name + " variance"] = plain(f(y_true, y_pred, sample_weight=w, multioutput="variance_weighted"))
    if k > 1:
        out["outputs"] = plain(r.random_sample(k).round(2) + 0.1)
        out["mse weighted"] = plain(m.mean_squared_error(y_true, y_pred, sample_weight=w, multioutput=out["outputs"]))
    else:
        out["max_error"] = plain(m.max_error(y_true, y_pred))
    return out


def classes(r):
    n, k = r.choice([1, 2, 5, 12, 30, 60]), r.choice([1, 2, 2, 3, 5])
    codes = np.sort(r.choice([-7, -1, 0, 1, 2, 3, 10, 1000], k, replace=False)) if r.randint(2) else np.arange(k)
    y_true = codes[r.randint(k, size=n)]
    y_pred = np.where(r.random_sample(n) < 0.6, y_true, codes[r.randint(k, size=n)])
    w = weights(r, n)
    labels = None
    if r.randint(3) == 0:
        extra = np.setdiff1d([0, 1, 50], codes)[: r.randint(2)]
        labels = r.permutation(np.concatenate([codes[: r.randint(1, k + 1)], extra]))
    out = {"y_true": plain(y_true), "y_pred": plain(y_pred), "weight": plain(w), "labels": plain(labels)}
    out["accuracy"] = m.accuracy_score(y_true, y_pred, sample_weight=w)
    out["balanced"] = plain(m.balanced_accuracy_score(y_true, y_pred, sample_weight=w))
    if labels is None or len(np.intersect1d(labels, y_true)):
        for normalize in [None, "true", "pred", "all"]:
            matrix = m.confusion_matrix(y_true, y_pred, labels=labels, sample_weight=w, normalize=normalize)
            out[f"confusion {normalize}"] = plain(matrix)
    averages = ["micro", "macro", "weighted"]
    if len(np.union1d(y_true, y_pred)) <= 2:
        averages.append("binary")
        out["pos_label"] = plain(y_pred[0])
    scores = {}
    for average in [*averages, None]:
        for zero in [[0, 1, np.nan][r.randint(3)]]:
            beta = 2.0 if zero == 1 else 0.5 if zero == 0 else 1.0
            args = {"labels": labels, "sample_weight": w, "average": average, "zero_division": zero, "beta": beta}
            if average == "binary":
                args["pos_label"] = y_pred[0]
            found = m.precision_recall_fscore_support(y_true, y_pred, **args)
            scores[f"{average} {zero}"] = plain(found[: 4 if average is None else 3])
    out["scores"] = scores
    digits = int(r.choice([2, 2, 0, 3, 5]))
    size = len(np.union1d(y_true, y_pred)) if labels is None else len(labels)
    names = None
    if r.randint(2):
        names = [["setosa", "é", "a rather long name of a class", "versicolor", "x", "y"][i] for i in range(size)]
    zero = [0, 1, np.nan][r.randint(3)]
    out["report"] = {
        "names": names,
        "digits": digits,
        "zero": plain(zero),
        "text": m.classification_report(
            y_true, y_pred, labels=labels, target_names=names, sample_weight=w, digits=digits, zero_division=zero
        ),
    }
    return out


def binary_scores(r):
    n = r.choice([2, 3, 8, 20, 40])
    low, high = [(0, 1), (0, 1), (-1, 1), (3, 7)][r.randint(4)]
    y_true = np.where(r.randint(2, size=n), high, low)
    if r.randint(10):
        y_true[0], y_true[-1] = low, high
    y_score = r.random_sample(n).round(r.choice([1, 2, 6])) + (y_true == high) * r.choice([0, 0.2, 1])
    w = weights(r, n)
    max_fpr = [None, None, 0.3, 0.75, 1.0][r.randint(5)]
    pos = int([low, high][r.randint(2)])
    out = {"y_true": plain(y_true), "y_score": plain(y_score), "weight": plain(w), "max_fpr": max_fpr, "pos": pos}
    out["roc_auc"] = plain(m.roc_auc_score(y_true, y_score, sample_weight=w, max_fpr=max_fpr))
    for drop in [False, True]:
        args = {"pos_label": pos, "sample_weight": w, "drop_intermediate": drop}
        out[f"roc {drop}"] = plain(m.roc_curve(y_true, y_score, **args))
        out[f"pr {drop}"] = plain(m.precision_recall_curve(y_true, y_score, **args))
    present = set(plain(y_true))
    if pos in present:
        out["average_precision"] = plain(m.average_precision_score(y_true, y_score, pos_label=pos, sample_weight=w))
    return out


def many_scores(r):
    k = r.choice([2, 3, 3, 4])
    n = r.choice([k, 10, 30])
    y_true = r.permutation(np.concatenate([np.arange(k), r.randint(k, size=n - k)]))
    p = r.dirichlet(np.ones(k), n).round(2)
    p[:, 0] += 0.5 * (y_true == 0)
    p /= p.sum(axis=1, keepdims=True)
    if r.randint(4) == 0:
        p[0] = 0.0
        p[0, r.randint(k)] = 1.0
    w = weights(r, n)
    out = {"y_true": plain(y_true), "p": plain(p), "weight": plain(w)}
    out["log_loss"] = plain(m.log_loss(y_true, p, sample_weight=w))
    if k == 2:
        out["log_loss second"] = plain(m.log_loss(y_true, p[:, 1], sample_weight=w))
        return out
    for average in ["macro", "weighted", "micro"]:
        found = m.roc_auc_score(y_true, p, multi_class="ovr", average=average, sample_weight=w)
        out[f"ovr {average}"] = plain(found)
        if average != "micro":
            out[f"ovo {average}"] = plain(m.roc_auc_score(y_true, p, multi_class="ovo", average=average))
        found = m.average_precision_score(y_true, p, average=average, sample_weight=w)
        out[f"average_precision {average}"] = plain(found)
    return out


def clusters(r):
    n, p, k = r.choice([3, 6, 25]), r.choice([1, 2, 4]), r.choice([2, 2, 3, 5])
    k = min(k, n - 1)
    labels = r.permutation(np.concatenate([np.arange(k), r.randint(k, size=n - k)]))
    x = (r.randn(n, p) + 2 * labels[:, None]).round(2)
    if r.randint(5) == 0:
        x[: n // 2] = x[0]
    return {"x": plain(x), "labels": plain(labels * 3 - 1), "samples": plain(m.silhouette_samples(x, labels))}


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("metrics.json")
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    r = np.random.RandomState(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    lines = []
    for make, share in [(regression, 1.5), (classes, 1.5), (binary_scores, 1.25), (many_scores, 1), (clusters, 0.5)]:
        entries = []
        while len(entries) < int(cases * share):
            try:
                entries.append(json.dumps(make(r), separators=(",", ":"), allow_nan=False))
            except ValueError:
                pass  # scikit-learn refuses: an area under a single point, say
        lines.append(f'"{make.__name__}": [\n' + ",\n".join(entries) + "\n]")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
