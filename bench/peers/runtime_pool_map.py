"""Squares of ten million numbers and ten thousand uneven tasks of two kinds: multiprocessing.Pool, or concurrent.futures with `futures`."""
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool


def square(x):
    return x * x


def checksum(n):
    total = 2166136261
    for i in range(n * 7919 % 2000):
        total = ((total ^ (n + i) & 255) * 16777619) & 0xFFFFFFFF
    return total


def collatz(n):
    total = 0
    for start in range(n * 1000, n * 1000 + 100):
        n, steps = max(start, 1), 0
        while n > 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        total += steps
    return total


if __name__ == "__main__":
    seconds = {}
    if sys.argv[1:] == ["futures"]:
        pool = ProcessPoolExecutor(2)
        apply = lambda work, items: list(pool.map(work, items, chunksize=max(1, len(items) // 8)))
    else:
        pool = Pool(2)
        apply = lambda work, items: pool.map(work, items)
    apply(square, range(2))
    start = time.perf_counter()
    squares = apply(square, range(10_000_000))
    seconds["squares"] = time.perf_counter() - start
    start = time.perf_counter()
    checksums = apply(checksum, range(10_000))
    seconds["uneven"] = time.perf_counter() - start
    start = time.perf_counter()
    steps = apply(collatz, range(10_000))
    seconds["uneven, Collatz"] = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "result": [sum(squares) % 2**64, sum(checksums), sum(steps)]}))
