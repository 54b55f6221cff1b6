"""Writes unsupervised.json: scikit-learn's PCA and KMeans, for tests/parity_unsupervised.rs to compare with.

    venv/bin/python crates/taipan-learn/tests/data/unsupervised.py [OUTPUT [CASES [SEED]]]

See basics.py for the environment.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA

warnings.simplefilter("ignore")


def plain(value):
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.floating, float)):
        return float(value)
    if isinstance(value, (np.integer, int)) and not isinstance(value, bool):
        return int(value)
    return value


def pca(r):
    n, p = r.choice([3, 6, 12, 30, 60]), r.choice([1, 2, 4, 7])
    if r.randint(4) == 0:
        n, p = r.choice([4, 8]), r.choice([10, 20])
    # Variances that differ clearly, so that the axes are well determined.
    x = (r.randn(n, p) * 1.7 ** -np.arange(p)) @ np.linalg.qr(r.randn(p, p))[0] * 10.0 ** r.randint(-1, 3)
    x = (x + r.randint(-5, 6, p)).round(5)
    least = min(n, p)
    solver = str(r.choice(["auto", "auto", "full", "covariance_eigh", "randomized", "arpack"]))
    if solver in ("randomized", "arpack"):
        if least < 2:
            solver = "full"
        kept = int(r.randint(1, least)) if least > 1 else 1
    else:
        kept = [None, int(r.randint(0, least + 1)), float(np.round(r.uniform(0.3, 0.99), 2)), "mle"][r.randint(4)]
    if kept == "mle" and n < p:
        kept = None
    params = {"n_components": kept, "svd_solver": solver, "whiten": bool(r.randint(2))}
    if solver == "randomized":
        params["random_state"] = int(r.randint(1000))
        if r.randint(2):
            params["iterated_power"] = int(r.randint(8, 12))
    model = PCA(**params).fit(x)
    new = (x[:2] * 1.5 + 1).round(4)
    out = {"params": params, "x": plain(x), "new": plain(new)}
    for name in ["components", "explained_variance", "explained_variance_ratio", "singular_values", "mean"]:
        out[name] = plain(getattr(model, name + "_"))
    out["noise_variance"] = float(model.noise_variance_)
    if model.n_components_ and model.explained_variance_.min() > 1e-12 * model.explained_variance_.max():
        out["transformed"] = plain(model.transform(new))
        out["inverse"] = plain(model.inverse_transform(model.transform(new)))
        if model.noise_variance_ > 1e-9 * model.explained_variance_.max() or p == least == model.n_components_:
            out["score"] = float(model.score(x)) if n > p else None
    values = np.linalg.svd(x - x.mean(axis=0))[1]
    values = np.append(values[:least], 0)
    gaps = np.minimum(-np.diff(values), np.insert(-np.diff(values), 0, np.inf)[:-1]) / values[0]
    # By how much a component turns for an error in the last place.
    out["gap"] = float(gaps[: max(1, min(model.n_components_, least))].min())
    return out


def kmeans(r):
    n, p, k = r.choice([5, 12, 40, 80]), r.choice([1, 2, 5]), r.choice([1, 2, 3, 5])
    centres = 4 * r.randn(k, p)
    x = (centres[r.randint(k, size=n)] + r.randn(n, p)).round(3)
    if r.randint(6) == 0:
        x = x.round(0)
    w = None if r.randint(2) else r.random_sample(n).round(3) + 0.01
    params = {
        "n_clusters": int(r.choice([1, 2, 3, 5])), "random_state": int(r.randint(1000)),
        "init": str(r.choice(["k-means++", "k-means++", "random"])), "n_init": r.choice(["auto", 1, 4]),
        "tol": float(r.choice([1e-4, 0.0])),
    }
    params["n_init"] = params["n_init"] if params["n_init"] == "auto" else int(params["n_init"])
    model = KMeans(**params).fit(x, sample_weight=w)
    return {
        "params": params, "x": plain(x), "weight": plain(w), "centers": plain(model.cluster_centers_),
        "labels": plain(model.labels_), "inertia": float(model.inertia_), "n_iter": int(model.n_iter_),
        "distances": plain(model.transform(x[:2])),
    }


def iris():
    x = load_iris().data
    model = PCA(2).fit(x)
    return {
        "x": plain(x), "ratio": plain(model.explained_variance_ratio_), "components": plain(model.components_),
        "rows": plain(model.transform(x[:5])), "noise_variance": float(model.noise_variance_),
        "full": plain(PCA(2, svd_solver="full").fit(x).components_),
    }


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("unsupervised.json")
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    r = np.random.RandomState(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    lines = [f'"iris": {json.dumps(iris(), separators=(",", ":"))}']
    for make in [pca, kmeans]:
        entries = [json.dumps(make(r), separators=(",", ":"), allow_nan=False) for _ in range(cases // 2)]
        lines.append(f'"{make.__name__}": [\n' + ",\n".join(entries) + "\n]")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
