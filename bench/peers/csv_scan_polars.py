"""csv-scan in polars: a lazy scan, so that only two columns are parsed, on the streaming engine."""

import polars as pl

flights = pl.scan_csv("flights30.csv", null_values="NA")
late = flights.filter((pl.col("dep_delay") > 60) & (pl.col("carrier") == "UA"))
print("n", late.select(pl.len()).collect(engine="streaming").item(), sep="\n")
