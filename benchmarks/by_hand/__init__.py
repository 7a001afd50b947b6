"""What `churn-risk features` writes, written by hand: in SQL, in plain pandas, and for featuretools.

The SQL is what someone writes who knows DuckDB, the twelve dates and the dictionary of signals, and nothing of our
expressions: `1_customers.sql` to `5_matrix.sql`, in their order, all signals; `ten_columns.sql`, ten columns of the
same kinds.
"""
