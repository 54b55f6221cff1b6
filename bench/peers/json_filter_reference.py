"""The reference program: json.loads and json.dump line by line. Nulls, which it does not know, are passed over."""

import json
import sys


def filter_json(input_file, output_file, field, threshold):
    with open(input_file) as infile, open(output_file, "w") as outfile:
        for line in infile:
            record = json.loads(line)
            if record[field] is not None and record[field] > threshold:
                json.dump(record, outfile)
                outfile.write("\n")


filter_json(sys.argv[1], sys.argv[2], "dep_delay", 45)
