"""orjson line by line; the line itself is written."""

import sys

import orjson

with open(sys.argv[1], "rb") as infile, open(sys.argv[2], "wb") as outfile:
    for line in infile:
        value = orjson.loads(line)["dep_delay"]
        if value is not None and value > 45:
            outfile.write(line)
