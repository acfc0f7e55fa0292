"""Groups: devices that people look at together."""
