"""From signals to a model that is judged, tracked and bundled: labels, slices, weights, fit, calibration. No HTTP."""
