"""flights.csv to a report, minimal mode."""

import pandas as pd
from ydata_profiling import ProfileReport

flights = pd.read_csv("flights.csv")
ProfileReport(flights, minimal=True, progress_bar=False).to_file("flights-ydata.html")
