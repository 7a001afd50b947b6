"""What a model is worth: economics, metrics with clustered intervals, calibration."""
