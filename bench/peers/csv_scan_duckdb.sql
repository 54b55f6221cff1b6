SELECT count(*) AS n FROM 'flights30.csv' WHERE dep_delay > 60 AND carrier = 'UA';
