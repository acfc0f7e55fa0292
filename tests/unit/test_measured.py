"""What programs measured of themselves, before it is put together."""

from pathlib import Path

from coverage import CoverageData

from tests.support.measured import set_aside_broken


def test_what_a_killed_program_left_half_written_is_set_aside_and_the_rest_stays(tmp_path: Path):
    whole = tmp_path / ".coverage.host.1.x"
    data = CoverageData(str(whole))
    data.add_lines({f"/{n}.py": range(1, 900, n) for n in range(1, 99)})
    data.write()
    cut = tmp_path / ".coverage.host.2.x"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    begun = tmp_path / ".coverage.host.3.x"
    begun.touch()
    assert sorted(set_aside_broken(tmp_path / ".coverage")) == [cut, begun]
    assert list(tmp_path.iterdir()) == [whole]
