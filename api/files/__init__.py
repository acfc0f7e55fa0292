"""Files: what people write by hand or in a spreadsheet, read with the line of each mistake."""
