"""Jobs put in by 32 threads and done by 32 workers: Huey on SQLite, each transaction on the disk, or not with `nofsync`."""
import json
import logging
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from huey import SqliteHuey

JOBS, WORKERS, PRODUCERS = 3_000, 32, 32

logging.disable(logging.CRITICAL)
with tempfile.TemporaryDirectory(dir=".") as folder:
    fsync = {"fsync": False} if sys.argv[1:] == ["nofsync"] else {}
    huey = SqliteHuey(filename=os.path.join(folder, "jobs.db"), timeout=60, **fsync)

    @huey.task()
    def square(n):
        return n * n

    consumer = huey.create_consumer(
        workers=WORKERS, periodic=False, initial_delay=0.005, max_delay=0.05, check_worker_health=False
    )
    consumer.start()
    start = time.perf_counter()
    with ThreadPoolExecutor(PRODUCERS) as producers:
        results = list(producers.map(square, range(JOBS)))
    total = sum(result.get(blocking=True, max_delay=0.02, preserve=True) for result in results)
    seconds = time.perf_counter() - start
    consumer.stop(graceful=True)
print(json.dumps({"seconds": {"jobs": seconds}, "result": total}))
