COPY (SELECT * FROM 'flights5.csv') TO 'csv-parquet-duckdb.parquet' (FORMAT parquet, COMPRESSION snappy);
