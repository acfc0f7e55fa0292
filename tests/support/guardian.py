"""Keeps a server only as long as the test run lives: `python guardian.py '{"command": […], …}'`.

The test run holds the other end of this program's standard input. When that closes, whether the run ended, crashed or
was killed with SIGKILL, the server is stopped and its folder removed. It knows nothing of DDMS, so that it starts fast.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading

_PATIENCE = 5.0  # seconds


def remove(directory: str) -> None:
    """Remove a server's folder, which may be mounted from memory."""
    if os.path.ismount(directory):
        subprocess.run(["umount", "--lazy", directory], check=False)
    shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    task = json.loads(sys.argv[1])
    with open(task["log"], "ab") as log:
        server = subprocess.Popen(
            task["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=task["environment"]
        )
    abandoned = threading.Event()

    def stop(*_: object) -> None:
        abandoned.set()
        if task["farewell"]:
            subprocess.run(task["farewell"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server.send_signal(signal.SIGQUIT)  # PostgreSQL's immediate shutdown: nothing here is worth a checkpoint
        threading.Timer(_PATIENCE, server.kill).start()

    def wait_for_the_end() -> None:
        while os.read(0, 1):
            pass
        stop()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=wait_for_the_end, daemon=True).start()
    code = server.wait()
    if abandoned.is_set():  # else it ended by itself: the run wants to read the log
        remove(task["directory"])
    os._exit(code & 0xFF)  # without waiting for the timer


if __name__ == "__main__":
    main()
