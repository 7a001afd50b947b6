"""Reports: `report` collects all texts and figures, `report_html` renders them. Templates compute no figure."""
