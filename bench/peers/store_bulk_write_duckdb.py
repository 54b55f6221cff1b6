import os

import pyarrow

from store_common import duckdb_with_sqlite, report, rows, timed

if os.path.exists("store-peer.db"):
    os.remove("store-peer.db")
names = ["id", "name", "amount", "size", "flag"]
data = pyarrow.table([pyarrow.array(column) for column in zip(*rows())], names=names)
connection = duckdb_with_sqlite("store-peer.db")


def work():
    connection.execute("CREATE TABLE target.bulk AS SELECT * FROM data")
    return data.num_rows


seconds, result = timed(work)
report({"write": seconds}, result)
