"""A million tasks, and a gather of a hundred thousand: asyncio, or uvloop with `uvloop`."""
import asyncio
import json
import sys
import time


async def work(n):
    return n


async def main():
    seconds = {}
    start = time.perf_counter()
    tasks = [asyncio.create_task(work(n)) for n in range(1_000_000)]
    total = 0
    for task in tasks:
        total += await task
    seconds["spawned"] = time.perf_counter() - start
    del tasks
    start = time.perf_counter()
    gathered = await asyncio.gather(*(asyncio.create_task(work(n)) for n in range(100_000)))
    seconds["gathered"] = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "result": [total, sum(gathered)]}))


if sys.argv[1:] == ["uvloop"]:
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
