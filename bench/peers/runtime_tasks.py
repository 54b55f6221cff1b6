"""A million tasks, and gathers of a hundred thousand: asyncio, or uvloop with `uvloop`."""
import asyncio
import json
import sys
import time


async def work(n):
    return n


async def waiting_work(n):
    await asyncio.sleep(0)
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
    results = [total]
    for part, one in (
        ("gathered", work),
        ("gathered, each waits once", waiting_work),
        ("gathered tasks", lambda n: asyncio.create_task(work(n))),
    ):
        start = time.perf_counter()
        gathered = await asyncio.gather(*(one(n) for n in range(100_000)))
        seconds[part] = time.perf_counter() - start
        results.append(sum(gathered))
    print(json.dumps({"seconds": seconds, "result": results}))


if sys.argv[1:] == ["uvloop"]:
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
