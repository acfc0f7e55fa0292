"""DDMS, the Device Data Monitoring System: what its programs share."""

from importlib.metadata import version

VERSION = version("ddms")
