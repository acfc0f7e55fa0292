"""The spool: who may write into it, and that nothing in it goes missing in silence."""

import os
import subprocess
import sys
import time
import zlib
from dataclasses import replace

import numpy as np
import pytest

from collector.storing.decode import READINGS, Batch, Text
from collector.storing.spool import Spool, abandoned
from ddms.errors import DdmsError
from ddms.settings import Settings


def batch(value: float, readings: int = 2) -> Batch:
    rows = [(point, int(value * 1e6), value, 0, True) for point in range(1, readings + 1)]
    return Batch(np.array(rows, READINGS), [Text(9, 5, "x", 0)])


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


class Opened:
    """A spool, and what it said was lost."""

    def __init__(self, folder, **more) -> None:
        self.spool = Spool(folder, 1_000_000)
        self.lost: list[int] = []
        self.spool.on_lost = self.lost.append
        self.spool.open(**more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.spool.close()

    def write(self, *values: float) -> None:
        for value in values:
            self.spool.append(batch(value))

    def replay(self) -> list[float]:
        values = []
        while path := self.spool.oldest():
            if (found := self.spool.read(path)) is not None:
                values.append(float(found.readings["value"][0]))
                self.spool.remove(path)
        return values


def test_all_that_is_written_comes_out_once_and_nothing_is_called_lost(folder):
    for _ in range(2):
        with Opened(folder) as opened:
            opened.write(1, 2, 3)
        with Opened(folder) as opened:
            opened.write(4)
            assert opened.replay() == [1, 2, 3, 4]
            assert opened.lost == []


@pytest.mark.parametrize("gone", [[1], [2], [3], [2, 3], [1, 2, 3]])
@pytest.mark.parametrize("meanwhile", ["running", "stopped"])
def test_a_batch_that_is_gone_is_counted_wherever_it_was(folder, gone, meanwhile):
    opened = Opened(folder)
    opened.write(1, 2, 3)
    if meanwhile == "stopped":
        opened.spool.close()
    for number in gone:
        (folder / f"{number:016d}.batch").unlink()
    if meanwhile == "stopped":
        opened = Opened(folder)
    with opened:
        assert opened.replay() == [number for number in (1, 2, 3) if number not in gone]
        assert sum(opened.lost) == 2 * len(gone)
        assert opened.spool.untold == 2 * len(gone)
        opened.write(4)
        assert opened.replay() == [4]
        assert sum(opened.lost) == 2 * len(gone), "told once"


def test_a_damaged_batch_is_lost_and_counted(folder):
    with Opened(folder) as opened:
        opened.write(1, 2)
        (folder / "0000000000000001.batch").write_bytes(b"nonsense")
        assert opened.replay() == [2]
        assert opened.lost == [2]


def test_a_refused_batch_is_not_called_lost_and_its_number_is_never_used_again(folder):
    with Opened(folder) as opened:
        opened.write(1)
        path = opened.spool.oldest()
        opened.spool.read(path)
        opened.spool.set_aside(path, ".refused")
        assert opened.lost == []
    (folder / "ledger").unlink()
    with Opened(folder) as opened:
        opened.write(2)
        assert opened.spool.oldest().stem == f"{2:016d}"


def test_losses_are_remembered_over_a_kill_until_the_database_knows_of_them(folder):
    with Opened(folder) as opened:
        opened.spool.lose(5)
    with Opened(folder) as opened:
        assert opened.spool.untold == 5
        opened.spool.told(5)
    with Opened(folder) as opened:
        assert opened.spool.untold == 0


def test_a_batch_that_was_stored_but_not_removed_before_a_kill_is_replayed_and_nothing_is_called_lost(folder):
    with Opened(folder) as opened:
        opened.write(1, 2, 3)
        first = opened.spool.oldest()
        stays = first.read_bytes()
        for _ in range(2):
            path = opened.spool.oldest()
            opened.spool.read(path)
            opened.spool.remove(path)
    first.write_bytes(stays)
    with Opened(folder) as opened:
        assert opened.replay() == [1, 3]
        assert opened.lost == []


@pytest.mark.parametrize("ledger", [b"", b"torn" * 11, None])
def test_without_its_ledger_the_batches_themselves_say_what_is_missing_between_them(folder, ledger):
    with Opened(folder) as opened:
        opened.write(1, 2, 3)
    (folder / "ledger").unlink()
    if ledger is not None:
        (folder / "ledger").write_bytes(ledger)
    (folder / "0000000000000002.batch").unlink()
    with Opened(folder) as opened:
        opened.write(4)
        assert opened.replay() == [1, 3, 4]
        assert opened.lost == [2]


def test_batches_of_the_time_before_each_collector_had_its_folder_are_taken_over(folder, tmp_path):
    old = tmp_path / "old"
    with Opened(old) as opened:
        opened.write(7)
    path = old / "0000000000000001.batch"
    body = path.read_bytes()[5 + 4 + 16 :]  # from the length of the readings on, as it was written then
    path.write_bytes(b"DDMS\x01" + zlib.crc32(body).to_bytes(4, "big") + body)
    with Opened(folder, inherit=(old, tmp_path / "none")) as opened:
        assert opened.replay() == [7]
    assert not path.exists()


def test_two_collectors_of_one_name_and_folder_cannot_run_at_once(folder):
    with Opened(folder), pytest.raises(DdmsError, match="DDMS_COLLECTOR_NAME or DDMS_SPOOL_DIRECTORY"):
        Spool(folder, 1000).open()
    Opened(folder).spool.close()


def test_the_lock_of_a_killed_collector_holds_up_nobody(folder):
    script = (
        "import sys, pathlib, time; from collector.storing.spool import Spool;"
        "Spool(pathlib.Path(sys.argv[1]), 1000).open(); print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(DdmsError, match=f"process {other.pid}"):
            Spool(folder, 1000).open()
        other.kill()
        other.wait()
    Opened(folder).spool.close()


def test_names_of_collectors_never_meet_in_one_folder_and_never_leave_it():
    names = ["a", "b", "a b", "a/b", "a%2Fb", ".", "..", "../a", "线", "x" * 64, "线" * 64, "线" * 63 + "x"]
    folders = [replace(Settings(), collector_name=name).spool_folder for name in names]
    assert len(set(folders)) == len(names)
    assert {folder.parent for folder in folders} == {Settings().spool_directory}
    assert all(folder.name not in {".", ".."} and len(folder.name) <= 200 for folder in folders)


def test_a_folder_that_cannot_be_used_is_said_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DdmsError, match="DDMS_SPOOL_DIRECTORY"):
        Spool(tmp_path / "file" / "spool", 1000).open()


def test_the_age_of_the_spool_is_that_of_its_oldest_batch(folder):
    with Opened(folder) as opened:
        assert opened.spool.age() == 0
        opened.write(1)
        assert 0 <= opened.spool.age() < time.time()


def test_only_a_folder_in_which_nothing_is_done_for_long_is_nobodys(tmp_path):
    own, busy, left = (tmp_path / name for name in ("own", "busy", "left"))
    for folder in (own, busy, left):
        with Opened(folder) as opened:
            opened.write(1)
    for path in (*own.iterdir(), *left.iterdir()):
        os.utime(path, (1, 1))
    assert abandoned(own, 600) == [left]


def test_what_is_no_file_in_the_folder_stops_no_collector(folder):
    with Opened(folder) as opened:
        opened.write(1, 2)
    (folder / "0000000000000000.batch").mkdir()
    (folder / "0000000000000009.batch").symlink_to(folder / "gone")
    os.mkfifo(folder / "a pipe.batch")
    (folder / "a folder.part").mkdir()
    with Opened(folder) as opened:
        assert opened.replay() == [1, 2]
        assert opened.lost == []
