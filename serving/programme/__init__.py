"""The programme's figures of the newest run in words: sections and charts with their tables, and the board's report."""
