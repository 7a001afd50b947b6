"""What is learnt: trees, weights, folds, calibration, the hazard and the contraction."""
