"""Its version: that of DDMS."""

VERSION = "0.1.0"
