"""What is written on each page. Imports `board`, `report.text` and `report.pictures`."""
