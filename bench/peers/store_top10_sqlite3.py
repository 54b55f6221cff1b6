import sqlite3

from store_common import QUESTIONS, report, timed

connection = sqlite3.connect("store-people.db")


def work():
    for _ in range(QUESTIONS):
        found = connection.execute("SELECT id, name, salary FROM people ORDER BY salary DESC LIMIT 10").fetchall()
    return [row[2] for row in found]


seconds, result = timed(work)
report({"queries": seconds}, result)
