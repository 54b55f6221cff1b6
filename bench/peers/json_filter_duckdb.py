"""read_json, told the form, into COPY; `array` writes and reads one array."""

import sys

import duckdb

source, target, form = sys.argv[1:]
form, array = {"lines": ("newline_delimited", "false"), "array": ("array", "true")}[form]
duckdb.sql(
    f"COPY (SELECT * FROM read_json('{source}', format = '{form}') WHERE dep_delay > 45)"
    f" TO '{target}' (FORMAT json, ARRAY {array})"
)
