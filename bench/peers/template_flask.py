"""template in Flask with Jinja2."""

from flask import Flask, render_template
from template_rows import ROWS

app = Flask(__name__)


@app.get("/")
def page():
    return render_template("rows.html", title="Rows", rows=ROWS)
