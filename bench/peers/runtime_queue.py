"""Four producers and four workers over one queue.Queue."""
import json
import queue
import threading
import time

SIDES, ITEMS = 4, 5_000_000

work = queue.Queue(1024)
sums = [0] * SIDES


def worker(side):
    total = 0
    while True:
        item = work.get()
        if item is None:
            break
        total += item
        work.task_done()
    sums[side] = total


def producer(side):
    for n in range(ITEMS // SIDES):
        work.put(n * SIDES + side)


start = time.perf_counter()
workers = [threading.Thread(target=worker, args=(side,)) for side in range(SIDES)]
producers = [threading.Thread(target=producer, args=(side,)) for side in range(SIDES)]
for thread in workers + producers:
    thread.start()
for thread in producers:
    thread.join()
work.join()
for _ in workers:
    work.put(None)
for thread in workers:
    thread.join()
print(json.dumps({"seconds": {"queue": time.perf_counter() - start}, "result": sum(sums)}))
