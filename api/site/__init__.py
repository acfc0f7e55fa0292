"""The site: its configuration, its jobs, and how it is doing."""
