"""import with the standard library: csv into executemany, the types said by hand, NA as NULL."""

import csv
import sqlite3
import sys

TEXTS = {"carrier", "tailnum", "origin", "dest", "time_hour"}


def convert(name):
    if name in TEXTS:
        return lambda text: None if text == "NA" else text
    return lambda text: None if text == "NA" else int(text)


with open("flights5.csv", newline="") as file:
    rows = csv.reader(file)
    names = next(rows)
    converters = [convert(name) for name in names]
    columns = ", ".join(f"{name} {'TEXT' if name in TEXTS else 'INTEGER'}" for name in names)
    connection = sqlite3.connect(sys.argv[1])
    with connection:
        connection.execute(f"CREATE TABLE flights5 ({columns})")
        connection.executemany(
            f"INSERT INTO flights5 VALUES ({', '.join('?' * len(names))})",
            ([convert(cell) for convert, cell in zip(converters, row)] for row in rows),
        )
    connection.close()
