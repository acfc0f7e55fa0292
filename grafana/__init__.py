"""Dashboards as code: Python here, JSON in `grafana/dashboards`, which Grafana reads.

`python -m grafana` writes the JSON; `python -m grafana --check` fails when it lags behind the code.
"""

import warnings

# The SDK warns that there is a second schema. Grafana 12 provisions files of that one only behind a feature toggle.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Prefer using dashboardv2", category=DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard, stat  # noqa: F401 - they load all that warns
