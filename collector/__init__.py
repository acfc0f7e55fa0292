"""The collector: polls devices, decodes what they answer and stores it. It never writes to a device."""
