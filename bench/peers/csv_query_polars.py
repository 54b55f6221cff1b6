"""csv-query in polars: a lazy scan, so that only three columns are parsed, on the streaming engine."""

import sys

import polars as pl

carriers = (
    pl.scan_csv("flights.csv", null_values="NA")
    .group_by("carrier")
    .agg(
        pl.len().alias("n"),
        pl.col("dep_delay").mean().alias("mean_delay"),
        pl.col("distance").max().alias("farthest"),
    )
    .sort("n", descending=True)
    .collect(engine="streaming")
)
carriers.write_csv(sys.stdout)
