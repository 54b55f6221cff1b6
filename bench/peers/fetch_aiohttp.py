"""fetch with aiohttp, as its users write it: every page gathered, then shown. Its session opens 100 connections at most."""

import asyncio
import sys

import aiohttp

urls = open(sys.argv[1]).read().split()
connections = int(sys.argv[2]) if len(sys.argv) > 2 else 100


async def fetch(url, session):
    async with session.get(url) as response:
        return await response.text()


async def scrape_all(urls):
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        return await asyncio.gather(*[asyncio.create_task(fetch(url, session)) for url in urls])


for url, text in zip(urls, asyncio.run(scrape_all(urls))):
    print(f"{url}\n{text}")
