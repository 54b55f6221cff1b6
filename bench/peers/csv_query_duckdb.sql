-- csv-query in DuckDB, run by its command and by csv_query_duckdb.py alike.
SELECT carrier, count(*) AS n, avg(dep_delay) AS mean_delay, max(distance) AS farthest
FROM read_csv('flights.csv', nullstr = 'NA')
GROUP BY carrier
ORDER BY n DESC
