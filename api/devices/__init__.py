"""Devices: what is watched, and the files that bring them in and out."""
