"""The field: what is asked of devices once: trials, probes and scans."""
