"""csv-query in DuckDB's Python package."""

from pathlib import Path

import duckdb

query = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
duckdb.sql(query).write_csv("/dev/stdout")
