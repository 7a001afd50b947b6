"""Keeps runs and versions in MLflow, and records which version is the champion."""
