import sqlite3

import pandas

from store_common import report, timed

connection = sqlite3.connect("store-bulk.db")
seconds, frame = timed(lambda: pandas.read_sql("SELECT * FROM bulk", connection))
report({"read": seconds}, [len(frame), int(frame["size"].sum())])
