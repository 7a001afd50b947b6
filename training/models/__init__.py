"""The models and their fitting: trees, weights, folds, calibration, the hazard and the contraction."""
