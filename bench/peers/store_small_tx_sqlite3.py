import os
import sqlite3
import threading

from store_common import TRANSACTIONS, report, timed

for name in ["store-small-peer.db", "store-small-peer.db-wal", "store-small-peer.db-shm"]:
    if os.path.exists(name):
        os.remove(name)
first = sqlite3.connect("store-small-peer.db")
# As Taipan has it: a write-ahead log, synchronised at each commit.
first.execute("PRAGMA journal_mode = WAL")
first.execute("CREATE TABLE small (id INTEGER PRIMARY KEY, name TEXT)")
first.commit()


def writer(count):
    connection = sqlite3.connect("store-small-peer.db", timeout=120, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    for _ in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO small (name) VALUES (?)", ("a name",))
        connection.execute("COMMIT")


def crowd(writers):
    threads = [threading.Thread(target=writer, args=(TRANSACTIONS // writers,)) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


one, _ = timed(lambda: crowd(1))
many, _ = timed(lambda: crowd(32))
report({"1 writer": one, "32 writers": many}, first.execute("SELECT count(*) FROM small").fetchone()[0])
