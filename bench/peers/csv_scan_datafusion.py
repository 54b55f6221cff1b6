"""csv-scan in DataFusion with its own reader: every column as text, since its decoder takes no word such as `NA` for null."""

import datafusion

session = datafusion.SessionContext()
session.register_csv("flights", "flights30.csv", schema_infer_max_records=0)
late = session.sql("SELECT count(*) AS n FROM flights WHERE try_cast(dep_delay AS BIGINT) > 60 AND carrier = 'UA'")
print("n", late.collect()[0][0][0].as_py(), sep="\n")
