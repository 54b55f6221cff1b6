"""csv-parquet in polars: a lazy scan into a sink, on the streaming engine."""

import polars as pl

flights = pl.scan_csv("flights5.csv", null_values="NA")
flights.sink_parquet("csv-parquet-polars.parquet", compression="snappy")
