"""The edge: its configuration, and `python -m nginx`, which writes its pages in each language."""
