"""From raw tables to signals: tables, validation, time, signals, the simulated book. Knows no labels and no models."""
