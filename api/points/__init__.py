"""Points: the measured values of a device."""
