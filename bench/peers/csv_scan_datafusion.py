"""csv-scan in DataFusion with its own reader; `NA` has to be named, or every number is text."""

import datafusion

session = datafusion.SessionContext()
session.sql(
    "CREATE EXTERNAL TABLE flights STORED AS CSV LOCATION 'flights30.csv'"
    " OPTIONS ('format.has_header' 'true', 'format.null_regex' '^NA$')"
)
late = session.sql("SELECT count(*) AS n FROM flights WHERE dep_delay > 60 AND carrier = 'UA'")
print("n", late.collect()[0][0][0].as_py(), sep="\n")
