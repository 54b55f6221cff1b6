"""fetch with httpx: every page gathered, then shown. Its pool looks through all requests that wait for each one that
ends, so that a semaphore keeps them out of it."""

import asyncio
import sys

import httpx

urls = open(sys.argv[1]).read().split()
connections = int(sys.argv[2])
limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)


async def fetch(url, client, free):
    async with free:
        return await client.get(url)


async def scrape_all(urls):
    free = asyncio.Semaphore(connections)
    async with httpx.AsyncClient(limits=limits, timeout=None) as client:
        return await asyncio.gather(*[fetch(url, client, free) for url in urls])


for url, response in zip(urls, asyncio.run(scrape_all(urls))):
    print(f"{url}\n{response.text}")
