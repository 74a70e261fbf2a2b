"""The report as data, tables, figures and pages."""
