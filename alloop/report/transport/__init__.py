"""Figures, tables and sections of the report about transport."""
