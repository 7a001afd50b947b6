"""The signals, one file per family; `features.signal.all_signals` collects them from this folder."""
