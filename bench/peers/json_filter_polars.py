"""A lazy scan, streamed into a file."""

import sys

import polars as pl

pl.scan_ndjson(sys.argv[1]).filter(pl.col("dep_delay") > 45).sink_ndjson(sys.argv[2])
