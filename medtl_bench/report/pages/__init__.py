"""What is written on each page. Imports `board` and `report.text`."""
