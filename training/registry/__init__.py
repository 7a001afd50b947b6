"""Runs and versions in MLflow, and which version is the champion."""
