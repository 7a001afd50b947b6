"""The book cut into dated rows: labels of churn, as-of dates, the dataset that is learnt from."""
