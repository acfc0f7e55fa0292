"""Programs of Node.js, with the known clients that `make examples` installs."""

import os
import shutil
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parents[1] / "clients"
MODULES = CLIENTS / "node_modules"
ENVIRONMENT = os.environ | {"NODE_PATH": str(MODULES)}
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not here")
needs_node_clients = pytest.mark.skipif(
    shutil.which("node") is None or not (MODULES / ".package-lock.json").exists(),
    reason="node is not here, or run `make examples` first",
)
