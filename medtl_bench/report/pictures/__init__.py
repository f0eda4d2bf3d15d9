"""Pictures as SVG. Imports `board` and `report.text`."""
