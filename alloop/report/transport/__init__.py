"""Transport in the report."""
