"""From a model bundle to scores, reasons, reports and the HTTP service."""
