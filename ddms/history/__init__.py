"""History in from files: a file is read in tables, a table becomes readings, and these are stored with how far the file is."""
