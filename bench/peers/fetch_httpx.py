"""fetch with httpx: every page gathered, then shown."""

import asyncio
import sys

import httpx

urls = open(sys.argv[1]).read().split()
limits = httpx.Limits(max_connections=int(sys.argv[2]))


async def scrape_all(urls):
    async with httpx.AsyncClient(limits=limits, timeout=None) as client:
        return await asyncio.gather(*[client.get(url) for url in urls])


for url, response in zip(urls, asyncio.run(scrape_all(urls))):
    print(f"{url}\n{response.text}")
