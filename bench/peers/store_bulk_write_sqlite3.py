import os
import sqlite3

from store_common import report, rows, timed

if os.path.exists("store-peer.db"):
    os.remove("store-peer.db")
connection = sqlite3.connect("store-peer.db")
data = list(rows())


def work():
    connection.execute("CREATE TABLE bulk (id INTEGER NOT NULL, name TEXT, amount REAL NOT NULL, size INTEGER, flag BOOLEAN)")
    written = connection.executemany("INSERT INTO bulk VALUES (?, ?, ?, ?, ?)", data).rowcount
    connection.commit()
    return written


seconds, result = timed(work)
report({"write": seconds}, result)
