"""What the peers of the database jobs share: the same rows as crates/taipan-store/examples/store_bench."""
import json
import time

ROWS = 5_000_000
QUESTIONS = 5000
TRANSACTIONS = 640


def scattered(number):
    return (number * 7919 + 13) % 1_000_003


def rows():
    for number in range(ROWS):
        value = scattered(number)
        yield number, f"name {value}", value / 8.0, value % 100, number % 3 == 0


def report(seconds, result):
    print(json.dumps({"seconds": seconds, "result": result}))


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def duckdb_with_sqlite(file):
    """DuckDB with a SQLite database attached as `target`."""
    import pathlib

    import duckdb
    import duckdb_extension_sqlite_scanner

    folder = pathlib.Path(duckdb_extension_sqlite_scanner.__file__).parent
    connection = duckdb.connect()
    connection.execute(f"LOAD '{next(folder.rglob('*.duckdb_extension'))}'")
    connection.execute(f"ATTACH '{file}' AS target (TYPE sqlite)")
    return connection
