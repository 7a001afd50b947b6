"""The model for one matrix without dates, as a scikit-learn estimator."""
