"""The whole array at once, which is how polars reads one."""

import sys

import polars as pl

pl.read_json(sys.argv[1]).filter(pl.col("dep_delay") > 45).write_json(sys.argv[2])
