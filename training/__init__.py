"""Training: signals go in, a judged, tracked and bundled model comes out.

This layer holds labels, slices, weights, fit and calibration. It has no HTTP.
"""
