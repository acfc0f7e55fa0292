"""Profiles: register maps that are written once and followed by many devices."""
