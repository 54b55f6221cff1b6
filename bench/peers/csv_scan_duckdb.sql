SELECT count(*) AS n FROM read_csv('flights30.csv', nullstr = 'NA') WHERE dep_delay > 60 AND carrier = 'UA';
