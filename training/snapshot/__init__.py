"""The model for a matrix without dates, as a scikit-learn estimator."""
