"""CPython's side of the job class-call: the same calls and the same classes."""

import json
import time

CALLS = 10_000_000
CREATIONS = 20_000


class A:
    def step(self, number):
        return number + 1


class B(A):
    pass


class C(B):
    pass


class D(C):
    pass


def call(this):
    total = 0
    for _ in range(CALLS):
        total += this.step(1)
    return total


def by_name(this, name):
    total = 0
    for _ in range(CALLS):
        total += getattr(this, name)(1)
    return total


def create(bases):
    for _ in range(CREATIONS):
        type("E", bases, {"step": lambda self: 1, "x": 1})


def seconds(work, times, *arguments):
    start = time.perf_counter()
    result = work(*arguments)
    return (time.perf_counter() - start) / times, result


called, number = seconds(call, CALLS, D())
named, other = seconds(by_name, CALLS, D(), "step")
created, _ = seconds(create, CREATIONS, tuple(type(f"Base{base}", (), {}) for base in range(5)))
print(json.dumps({"seconds": {"call": called, "call by name": named, "create": created}, "result": [number, other]}))
