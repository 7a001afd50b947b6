"""One file a family of signals; `features.signal.all_signals` finds them here."""
