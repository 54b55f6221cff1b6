"""csv-parquet in pandas, which writes by pyarrow."""

import pandas

pandas.read_csv("flights5.csv").to_parquet("csv-parquet-pandas.parquet", compression="snappy")
