COPY (SELECT * FROM read_csv('flights5.csv', nullstr = 'NA')) TO 'csv-parquet-duckdb.parquet' (FORMAT parquet, COMPRESSION snappy);
