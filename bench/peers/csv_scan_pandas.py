"""csv-scan in pandas: reads only the two columns it needs."""

import pandas

flights = pandas.read_csv("flights30.csv", usecols=["carrier", "dep_delay"])
print("n", ((flights.dep_delay > 60) & (flights.carrier == "UA")).sum(), sep="\n")
