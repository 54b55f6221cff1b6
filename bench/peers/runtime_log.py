"""Python's logging: disabled records, and records to a file from one thread and from eight."""
import json
import logging
import os
import tempfile
import threading
import time

DISABLED, RECORDS = 10_000_000, 400_000

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "bench.log")
    logging.basicConfig(filename=path, level=logging.INFO, format="{asctime} {levelname} {name} {message}", style="{")
    seconds = {}

    start = time.perf_counter()
    for n in range(DISABLED):
        logging.debug("record %d", n)
    seconds["disabled"] = time.perf_counter() - start

    def logged(records):
        for n in range(records):
            logging.info("record %d", n)

    start = time.perf_counter()
    logged(RECORDS)
    seconds["file, 1 thread"] = time.perf_counter() - start

    start = time.perf_counter()
    threads = [threading.Thread(target=logged, args=(RECORDS // 8,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds["file, 8 threads"] = time.perf_counter() - start
    with open(path) as file:
        lines = sum(1 for _ in file)
print(json.dumps({"seconds": seconds, "result": lines}))
