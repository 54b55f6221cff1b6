"""rest-read in Flask: served by gunicorn; a read-only connection per thread stays open; JSON by orjson."""

import os
import sqlite3
import threading

import orjson
from flask import Flask, Response, abort, request

app = Flask(__name__)
local = threading.local()
COLUMNS = {"id", "name", "department", "salary", "hired"}


def connected():
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(f"file:{os.environ['EMPLOYEES_DB']}?mode=ro", uri=True)
        local.connection.row_factory = sqlite3.Row
        local.connection.execute("PRAGMA query_only = ON")
    return local.connection


def answer(query, values):
    found = [dict(row) for row in connected().execute(query, values)]
    return Response(orjson.dumps(found), mimetype="application/json")


@app.get("/employees/<int:number>")
def employee(number):
    return answer("SELECT * FROM employees WHERE id = ?", (number,))


@app.get("/employees")
def employees():
    column, _, direction = request.args.get("order", "id").partition(".")
    if column not in COLUMNS or direction not in ("", "asc", "desc"):
        abort(400)
    limit = request.args.get("limit", 100, type=int)
    return answer(f"SELECT * FROM employees ORDER BY {column} {direction} LIMIT ?", (limit,))


@app.get("/page")
def page():
    department, limit = request.args["department"], request.args.get("limit", 20, type=int)
    query = "SELECT * FROM employees WHERE department = ? ORDER BY id LIMIT ?"
    rows = [dict(row) for row in connected().execute(query, (department, limit))]
    (count,) = connected().execute("SELECT count(*) FROM employees WHERE department = ?", (department,)).fetchone()
    return Response(orjson.dumps({"count": count, "rows": rows}), mimetype="application/json")
