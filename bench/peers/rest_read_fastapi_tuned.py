"""rest-read in FastAPI, tuned by hand: queries on the event loop, JSON by orjson without a response model.

The queries take microseconds, so a hop to the thread pool would cost more than it frees; the
documentation advises against it, since a slow query then stops every request of its worker.
"""

import os
import sqlite3

import orjson
from fastapi import FastAPI, HTTPException, Response

app = FastAPI(openapi_url=None)
connection = sqlite3.connect(
    f"file:{os.environ['EMPLOYEES_DB']}?mode=ro", uri=True, check_same_thread=False
)
connection.row_factory = sqlite3.Row
connection.execute("PRAGMA query_only = ON")
COLUMNS = {"id", "name", "department", "salary", "hired"}


def answer(query, values):
    found = [dict(row) for row in connection.execute(query, values)]
    return Response(orjson.dumps(found), media_type="application/json")


@app.get("/employees/{number}")
async def employee(number: int):
    return answer("SELECT * FROM employees WHERE id = ?", (number,))


@app.get("/employees")
async def employees(order: str = "id", limit: int = 100):
    column, _, direction = order.partition(".")
    if column not in COLUMNS or direction not in ("", "asc", "desc"):
        raise HTTPException(400)
    return answer(f"SELECT * FROM employees ORDER BY {column} {direction} LIMIT ?", (limit,))


@app.get("/page")
async def page(department: str, limit: int = 20):
    query = "SELECT * FROM employees WHERE department = ? ORDER BY id LIMIT ?"
    found = [dict(row) for row in connection.execute(query, (department, limit))]
    (count,) = connection.execute("SELECT count(*) FROM employees WHERE department = ?", (department,)).fetchone()
    return Response(orjson.dumps({"count": count, "rows": found}), media_type="application/json")
