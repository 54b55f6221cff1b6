"""Writes splits.json: scikit-learn's random streams, splits and folds, for tests/parity_splits.rs to compare with.

    venv/bin/python crates/taipan-learn/tests/data/splits.py [OUTPUT [CASES [SEED]]]

See basics.py for the environment. Every number must be the same.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from scipy import stats
from sklearn import model_selection as ms
from sklearn.utils.random import sample_without_replacement

warnings.simplefilter("ignore")


def plain(value):
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def labels(r, n):
    """Class labels, some rare, in any order; sometimes sorted, as in iris."""
    k = r.randint(1, 6)
    y = r.choice(k, n, p=r.dirichlet(np.ones(k) * r.choice([0.5, 3.0]))) * r.choice([1, 3]) - r.randint(3)
    return np.sort(y) if r.randint(3) == 0 else y


def size(r, n):
    """A test or training size, of either kind, not always one that fits."""
    kind = r.randint(3)
    if kind == 0:
        return None
    if kind == 1:
        return int(r.randint(1, n + 1))
    return float(r.choice([r.random_sample(), 0.1, 0.2, 0.25, 0.33, 0.5, 0.9]).round(3))


def splitters(r, n):
    seed, k = int(r.randint(2**31)), int(r.randint(2, 8))
    shuffle = bool(r.randint(2))
    seeded = {"shuffle": True, "random_state": seed} if shuffle else {"shuffle": False}
    sizes = {"test_size": size(r, n), "train_size": size(r, n), "random_state": seed}
    name, params = [
        ("KFold", {"n_splits": k} | seeded),
        ("StratifiedKFold", {"n_splits": k} | seeded),
        ("GroupKFold", {"n_splits": k} | seeded),
        ("LeaveOneOut", {}),
        ("RepeatedKFold", {"n_splits": k, "n_repeats": 2, "random_state": seed}),
        ("RepeatedStratifiedKFold", {"n_splits": k, "n_repeats": 2, "random_state": seed}),
        ("ShuffleSplit", {"n_splits": 2} | sizes),
        ("StratifiedShuffleSplit", {"n_splits": 2} | sizes),
        (
            "TimeSeriesSplit",
            {
                "n_splits": k,
                "max_train_size": [None, int(r.randint(1, n + 1))][r.randint(2)],
                "test_size": [None, int(r.randint(1, 5))][r.randint(2)],
                "gap": int(r.randint(3)),
            },
        ),
    ][r.randint(9)]
    return name, params


def fold_numbers(splits, n):
    """One digit string per split: 0 for neither, 1 for training, 2 for testing, where the order is ascending."""
    out = []
    for train, test in splits:
        marks = np.zeros(n, int)
        marks[train], marks[test] = 1, 2
        assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
        out.append("".join(map(str, marks)))
    return out


def folds(r):
    n = int(r.choice([5, 12, 20, 33, 50]))
    y, groups = labels(r, n), r.randint(0, r.randint(2, 12), n)
    name, params = splitters(r, n)
    case = {"name": name, "params": params, "n": n}
    if "Stratified" in name:
        case["y"] = plain(y)
    if name == "GroupKFold":
        case["groups"] = plain(groups)
    try:
        splits = list(getattr(ms, name)(**params).split(np.zeros(n), y, groups))
        # Splits without training rows are refused.
        if any(len(train) == 0 for train, _ in splits):
            raise ValueError
    except ValueError:
        return case | {"error": True}
    if "ShuffleSplit" in name:
        return case | {"splits": plain(splits)}
    return case | {"folds": fold_numbers(splits, n)}


def train_test(r):
    n = int(r.choice([1, 2, 5, 20, 50]))
    y = labels(r, n)
    seed, shuffle, stratify = int(r.randint(2**32, dtype=np.int64)), bool(r.randint(8)), bool(r.randint(2))
    params = {"test_size": size(r, n), "train_size": size(r, n), "random_state": seed, "shuffle": shuffle}
    case = {"n": n, "stratify": plain(y) if stratify else None} | params
    try:
        train, test = ms.train_test_split(np.arange(n), stratify=y if stratify else None, **params)
    except ValueError:
        return case | {"error": True}
    return case | {"train": plain(train), "test": plain(test)}


def stream(r):
    """Calls of every kind on one stream, in random order, so that what one leaves behind meets every other."""
    seed = int(r.randint(2**32, dtype=np.int64))
    s = np.random.RandomState(seed)
    calls = []
    for _ in range(8):
        name = r.choice(["randint", "random_sample", "normal", "uniform", "permutation", "shuffle", "choice", "sample"])
        if name == "randint":
            low = int(r.randint(-5, 5))
            high = low + int(r.choice([1, 2, 3, 100, 2**31 - 1, 2**32 - 1, 2**32, 2**32 + 5, 2**53 + 1]))
            args, found = [low, high], [s.randint(low, high, dtype=np.int64) for _ in range(3)]
        elif name == "random_sample":
            args, found = [], s.random_sample(2)
        elif name == "normal":
            args, found = [1.25, 0.5], s.normal(1.25, 0.5, r.randint(1, 4))
        elif name == "uniform":
            args, found = [-2.5, 7.0], s.uniform(-2.5, 7.0, 2)
        elif name == "permutation":
            args = [int(r.randint(0, 20))]
            found = s.permutation(args[0])
        elif name == "shuffle":
            found = r.permutation(int(r.randint(1, 10)))
            args = [plain(found)]
            s.shuffle(found)
        elif name == "choice":
            n, replace = int(r.randint(1, 12)), bool(r.randint(2))
            k = int(r.randint(0, n + 1))
            p = [None, r.dirichlet(np.ones(n))][r.randint(2)]
            args, found = [n, k, replace, plain(p)], s.choice(n, k, replace=replace, p=p)
        else:
            n = int(r.choice([1, 7, 300, 1000]))
            k = int(min(n, r.choice([0, 1, 2, 3, n - 1, n])))
            k = max(k, 0)
            args, found = [n, k], sample_without_replacement(n, k, random_state=s)
        calls.append({"call": str(name), "args": args, "result": plain(np.asarray(found))})
    return {"seed": seed, "calls": calls}


def sampler(r):
    """Candidates of a randomised search."""
    seed, n_iter = int(r.randint(2**31)), int(r.randint(1, 7))
    spaces = [
        ["list", [1, 2, 3]], ["list", ["a", "b"]], ["list", [True, False]], ["uniform", [0.5, 2.0]],
        ["loguniform", [1e-4, 10.0]], ["randint", [1, 50]],
    ]
    names = r.permutation(["alpha", "beta", "gamma", "delta"])[: r.randint(1, 5)]
    only_lists = bool(r.randint(2))
    space = {str(name): spaces[r.randint(3 if only_lists else 6)] for name in names}
    make = {"list": lambda v: v, "uniform": lambda v: stats.uniform(*v), "loguniform": lambda v: stats.loguniform(*v),
            "randint": lambda v: stats.randint(*v)}
    chosen = {name: make[kind](values) for name, (kind, values) in space.items()}
    found = list(ms.ParameterSampler(chosen, n_iter, random_state=seed))
    found = [[[name, plain(value)] for name, value in sorted(set_.items())] for set_ in found]
    return {"seed": seed, "n_iter": n_iter, "space": space, "found": found}


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("splits.json")
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    r = np.random.RandomState(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    lines = []
    for make, share in [(folds, 0.5), (train_test, 0.2), (stream, 0.2), (sampler, 0.1)]:
        entries = [json.dumps(make(r), separators=(",", ":"), allow_nan=False) for _ in range(int(cases * share))]
        lines.append(f'"{make.__name__}": [\n' + ",\n".join(entries) + "\n]")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
