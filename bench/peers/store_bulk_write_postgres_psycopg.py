import os

import psycopg

from store_common import report, rows, timed

connection = psycopg.connect(os.environ["TAIPAN_POSTGRES"])
data = list(rows())


def work():
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS peer")
    cursor.execute("CREATE TABLE peer (id bigint NOT NULL, name text, amount double precision NOT NULL, size bigint, flag boolean)")
    with cursor.copy("COPY peer FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int8", "text", "float8", "int8", "bool"])
        for row in data:
            copy.write_row(row)
    connection.commit()
    return len(data)


seconds, result = timed(work)
report({"write": seconds}, result)
