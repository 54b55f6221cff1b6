"""csv-parquet in pyarrow: read in batches, written as they come."""

import pyarrow.csv
import pyarrow.parquet

nulls = pyarrow.csv.ConvertOptions(null_values=["NA"], strings_can_be_null=True)
with pyarrow.csv.open_csv("flights5.csv", convert_options=nulls) as batches:
    with pyarrow.parquet.ParquetWriter("csv-parquet-pyarrow.parquet", batches.schema, compression="snappy") as writer:
        for batch in batches:
            writer.write_batch(batch)
