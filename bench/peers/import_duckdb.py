"""import with DuckDB's writer of SQLite databases."""

import pathlib
import sys

import duckdb
import duckdb_extension_sqlite_scanner

folder = pathlib.Path(duckdb_extension_sqlite_scanner.__file__).parent
extension = next(folder.rglob("*.duckdb_extension"))
connection = duckdb.connect()
connection.execute(f"LOAD '{extension}'")
connection.execute(f"ATTACH '{sys.argv[1]}' AS target (TYPE sqlite)")
connection.execute("CREATE TABLE target.flights5 AS SELECT * FROM read_csv('flights5.csv', nullstr = 'NA')")
