"""Profiles in files: YAML with lines in its mistakes, the command line, devices that name a profile."""

import asyncpg
import orjson
import pytest

from api.profiles.files import read, write
from ddms.errors import Mistakes
from tests.support.command_line import ddms_on

YAML = """\
profiles:
- name: Meter
  manufacturer: Acme
  source: manual 7, page 3
  points:
  - {key: voltage, unit: V, register_table: input, address: 0, data_type: float32}
  - {key: current, unit: A, register_table: input, address: 6, data_type: float32, scale: 0.1}
"""
DEVICES = """\
devices:
- {name: M1, endpoint: tcp://10.0.0.1, unit_id: 1, profile: meter}
- name: M2
  endpoint: tcp://10.0.0.1
  unit_id: 2
  profile: Meter
  points:
  - {key: voltage, unit: kV, register_table: input, address: 0, data_type: float32}
  - {key: own, register_table: coil, address: 3, data_type: bool}
"""
POINTS = "SELECT d.name, p.key, p.unit, p.from_profile FROM points p JOIN devices d ON d.id = p.device_id ORDER BY 1, 2"


def test_what_is_written_is_read_as_the_same_and_short():
    profiles = read(YAML)
    assert read(write(profiles)) == profiles
    assert "heartbeat" not in write(profiles), "what is as by default is left out"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("profiles: [", 2, "YAML"),
        ("devices: []", 1, "profiles"),
        (YAML.replace("name: Meter", "nam: Meter"), 2, "nam"),
        (YAML.replace("name: Meter", "name: ''"), 2, "needed"),
        (YAML.replace("name: Meter", "name: [a]"), 2, "text"),
        (YAML.replace("address: 6", "address: 65535"), 7, "address"),
        (YAML.replace("key: current", "key: voltage"), 7, "voltage"),
        (YAML + YAML.removeprefix("profiles:\n"), 8, "twice"),
    ],
)
def test_a_mistake_is_told_with_its_line(text, line, word):
    with pytest.raises(Mistakes) as told:
        read(text)
    assert any(one.message.startswith(f"line {line}, column ") for one in told.value.each)
    assert any(word in one.message for one in told.value.each)


@pytest.mark.unmeasured
async def test_a_profile_is_imported_applied_and_changed_on_the_command_line(settings, owner: asyncpg.Connection):
    dry = await ddms_on(settings, "profiles", "import", "-", "--dry-run", fed=YAML)
    assert (dry.returncode, dry.stdout.splitlines()[0]) == (0, "+ profile Meter"), dry.stderr
    assert await owner.fetchval("SELECT count(*) FROM profiles") == 0
    await ddms_on(settings, "profiles", "import", "-", fed=YAML)
    made = await ddms_on(settings, "devices", "import", "-", "--format", "yaml", fed=DEVICES)
    assert made.returncode == 0, made.stderr
    assert [tuple(row) for row in await owner.fetch(POINTS)] == [
        ("M1", "current", "A", True),
        ("M1", "voltage", "V", True),
        ("M2", "current", "A", True),
        ("M2", "own", "", False),
        ("M2", "voltage", "kV", True),
    ]
    changed = await ddms_on(settings, "profiles", "import", "-", fed=YAML.replace("unit: V", "unit: mV"))
    assert changed.stdout.splitlines() == [
        "~ profile Meter / voltage: unit: V → mV",
        "~ M1 / voltage: unit: V → mV",
    ], "M2 has a unit of its own"
    applied = await ddms_on(settings, "profiles", "apply", "meter", "M1", "m2", "--dry-run")
    assert applied.stdout.splitlines() == ["~ M2 / voltage: unit: kV → mV"]
    assert "Meter" in (await ddms_on(settings, "profiles", "list")).stdout
    shown = (await ddms_on(settings, "profiles", "show", "meter")).stdout
    assert read(shown)[0].points[0].unit == "mV"
    again = await ddms_on(settings, "profiles", "import", "-", "--json", fed=shown)
    assert orjson.loads(again.stdout) == {"applied": True, "changes": []}


@pytest.mark.unmeasured
async def test_devices_with_a_profile_go_round_by_export_and_import(settings, tmp_path):
    await ddms_on(settings, "profiles", "import", "-", fed=YAML)
    await ddms_on(settings, "devices", "import", "-", "--format", "yaml", fed=DEVICES)
    for ending in ("csv", "yaml"):
        file = tmp_path / f"devices.{ending}"
        await ddms_on(settings, "devices", "export", str(file))
        assert "Meter" in file.read_text(encoding="utf-8")
        again = await ddms_on(settings, "devices", "import", str(file), "--prune", "--json")
        assert orjson.loads(again.stdout) == {"applied": True, "changes": []}, again.stderr
    same = await ddms_on(settings, "devices", "import", "-", "--format", "yaml", "--prune", "--dry-run", fed=DEVICES)
    assert same.stdout == "", "a file that names the profile need not write its points out"


@pytest.mark.unmeasured
async def test_shipped_profiles_are_imported_by_name_and_all_at_once(settings, owner: asyncpg.Connection):
    one = await ddms_on(settings, "profiles", "import", "eastron_sdm630")
    assert one.returncode == 0, one.stderr
    assert await owner.fetchval("SELECT string_agg(name, ',') FROM profiles") == "Eastron SDM630"
    everything = await ddms_on(settings, "profiles", "import", "--shipped")
    assert everything.returncode == 0, everything.stderr
    assert await owner.fetchval("SELECT count(*) FROM profiles") >= 10
    assert (await ddms_on(settings, "profiles", "import", "--shipped")).stdout == ""
    assert "abb_b23_b24" in (await ddms_on(settings, "profiles", "list", "--shipped")).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["import"], 2, "give FILE or --shipped"),
        (["import", "no_such"], 1, "eastron_sdm630"),
        (["show", "no such"], 1, "there is no profile"),
        (["apply", "no such", "M1"], 1, "there is no profile"),
        (["apply", "Meter", "M1"], 1, "there is no profile 'Meter'"),
    ],
)
async def test_nonsense_on_the_command_line_says_what_to_do(settings, arguments, code, sentence):
    done = await ddms_on(settings, "profiles", *arguments)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr


async def test_an_unknown_profile_in_a_file_of_devices_is_told_with_its_line(settings):
    done = await ddms_on(settings, "devices", "import", "-", "--format", "yaml", fed=DEVICES)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: line 2, column 61: profile: there is no profile 'meter'")
