import pyarrow.compute

from store_common import duckdb_with_sqlite, report, timed

connection = duckdb_with_sqlite("store-bulk.db")
seconds, table = timed(lambda: connection.execute("SELECT * FROM target.bulk").fetch_arrow_table())
report({"read": seconds}, [table.num_rows, int(pyarrow.compute.sum(table["size"]).as_py())])
