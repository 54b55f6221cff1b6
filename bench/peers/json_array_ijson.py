"""ijson's streaming parser in C, written again by orjson."""

import sys

import ijson
import orjson

with open(sys.argv[1], "rb") as infile, open(sys.argv[2], "wb") as outfile:
    first = True
    outfile.write(b"[")
    for record in ijson.items(infile, "item", use_float=True):
        value = record["dep_delay"]
        if value is not None and value > 45:
            outfile.write(b"" if first else b",")
            outfile.write(orjson.dumps(record))
            first = False
    outfile.write(b"]\n")
