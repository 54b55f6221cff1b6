import os

import connectorx

from store_common import report, timed

place = "sqlite://" + os.path.abspath("store-bulk.db")
seconds, table = timed(lambda: connectorx.read_sql(place, "SELECT * FROM bulk", return_type="arrow"))
report({"read": seconds}, [table.num_rows, sum(chunk.to_numpy().sum() for chunk in table["size"].chunks).item()])
