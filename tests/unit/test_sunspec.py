"""SunSpec's models as points: what each of its types becomes. The registers are those of its document, or made by hand."""

import struct

import yaml

from api.devices.files import FileFormat, read
from api.profiles.files import read as read_profiles
from ddms.skeleton import Draft, Existing, devices, unique
from ddms.sunspec.files import device_file, profile_file
from ddms.sunspec.models import known, placed
from ddms.sunspec.proposal import propose, slug

NOTHING = {"int16": 0x8000, "sunssf": 0x8000, "float32": 0x7FC0_0000, "acc32": 0, "string": 0, "pad": 0x8000}


def text(words, characters):
    data = characters.encode().ljust(words * 2, b"\0")
    return list(struct.unpack(f">{words}H", data))


def model(number, **values):
    """The registers of a model: what is not given is not implemented."""
    words = [number, 0]
    for point in known()[number].points[2:]:
        if isinstance(given := values.get(point.name), str):
            words += text(point.size, given)
            continue
        bits = (
            NOTHING.get(point.type, (1 << 16 * point.size) - 1) if given is None else given & (1 << 16 * point.size) - 1
        )
        words += struct.unpack(f">{point.size}H", bits.to_bytes(point.size * 2, "big"))
    words[1] = len(words) - 2
    return words


def walk(*models):
    found, address = [], 40_002
    for words in models:
        found.append({"id": words[0], "address": address, "length": words[1], "words": words})
        address += len(words)
    return {"base": 40_000, "models": found, "notes": [], "requests": 1}


COMMON = model(1, Mn="Acme", Md="PV 10", SN="4711", Vr="1.2")


def points(found, **wanted):
    return {one.fields["key"]: one.fields for one in propose(found, **wanted).points}


def test_an_integer_is_scaled_by_the_register_that_the_model_says():
    found = points(walk(COMMON, model(103, W=2304, W_SF=-1)))
    assert found["w"] == {
        "key": "w", "name": "Watts", "unit": "W", "register_table": "holding", "address": 40_084, "data_type": "int16",
        "sentinels": [-32768], "scale_by": "10 ** w_sf",
    }  # fmt: skip
    assert found["w_sf"]["sentinels"] == [-32768]
    assert "a_sf" not in found, "no point needs it"


def test_a_scale_factor_that_is_not_implemented_is_told():
    (power,) = [one for one in propose(walk(model(103, W=5))).points if one.fields["key"] == "w"]
    assert "scale_by" not in power.fields
    assert power.remark == "103 W, its scale factor W_SF is not implemented: taken as it is"


def test_a_counter_begins_again_at_its_modulus_in_its_unit():
    energy = points(walk(model(103, WH=5, WH_SF=1)))["wh"]
    assert (energy["counter"], energy["modulus"], energy["sentinels"]) == (True, 2.0**32 * 10, [0])
    assert "modulus" not in points(walk(model(103, WH=5, WH_SF=0)))["wh"], "as its data type says"


def test_a_counter_at_zero_may_be_a_new_one():
    energy = points(walk(model(103, WH=0, WH_SF=1)))["wh"]
    assert energy["enabled"] is False


def test_states_have_names_and_bits_alarms_that_are_off():
    found = points(walk(model(103, St=4, Evt1=1)))
    assert "4=MPPT:green" in found["st"]["value_names"]
    assert found["evt1"]["limits"][0] == {"key": "ground_fault", "kind": "bit", "bit": 0, "cause": "Ground fault", "enabled": False}  # fmt: skip


def test_what_is_not_implemented_is_left_out_or_disabled():
    found = walk(model(113, W=struct.unpack(">I", struct.pack(">f", 5.5))[0], TmpCab=0x7FC0_0001))
    assert points(found).keys() == {"w"}
    assert "TmpCab" in propose(found).remarks[0]
    every = points(found, everything=True)
    assert every["tmp_cab"]["enabled"] is False
    assert "enabled" not in every["w"]


def test_groups_repeat_as_often_as_there_is_room_or_as_a_point_says():
    assert len([one for one in placed(known()[160], [0] * (10 + 2 * 20)) if one.point.name == "DCA"]) == 2
    told = [0] * 200
    offset = next(one.offset for one in placed(known()[714], told) if one.point.name == "NPrt")
    told[offset] = 3
    assert len([one for one in placed(known()[714], told) if one.point.name == "DCA"]) == 4, "one of all, and three"
    told[offset] = 0xFFFF
    assert len(placed(known()[714], told)) < 200, "no more than there is room for"


def test_only_chosen_models_are_proposed_and_the_device_is_described_all_the_same():
    found = propose(walk(COMMON, model(103, W=1), model(123, WMaxLimPct=1)), models=[103])
    assert {one.model for one in found.points} == {103}
    assert found.name == "Acme PV 10 4711"
    assert found.description == "Acme PV 10, serial number 4711, version 1.2; SunSpec models 1, 103, 123 from 40000"


def test_all_models_make_a_file_that_is_read():
    told = walk(COMMON, *([number, 80, *[1] * 80] for number in sorted(known())))
    found = propose(told, everything=True)
    (entry,) = read(
        device_file(told, found, {"endpoint": "tcp://10.0.0.9:502"}, 1, Existing()), FileFormat.YAML
    ).entries
    assert len(entry.device.points) == len(found.points) > 1000
    assert {one.model for one in found.points} == {number for number, group in known().items() if group.points}


def test_a_profile_has_the_same_points():
    found = walk(COMMON, model(103, W=2304, W_SF=-1))
    (profile,) = read_profiles(profile_file(found, propose(found)))
    assert (profile.name, profile.manufacturer) == ("Acme PV 10 (SunSpec 1, 103)", "Acme")
    assert {one.key for one in profile.points} == points(found).keys()


def test_what_a_device_calls_itself_breaks_no_file():
    nasty = walk(model(1, Mn="A: {b}\n- c", Md="# 'q' \"", SN="\x1b[31m\u202e"), model(103, W=1))
    nasty["notes"] = ["a\nb: c"]
    written = device_file(nasty, propose(nasty), {"endpoint": "tcp://10.0.0.9:502"}, 1, Existing())
    (entry,) = read(written, FileFormat.YAML).entries
    assert entry.device.name == "A: {b}- c # 'q' \" [31m"
    assert yaml.safe_load(written).keys() == {"devices"}


def test_a_device_that_is_there_already_is_not_written_again():
    there = Existing.of_rows(
        [
            {"name": "Roof", "endpoint": "tcp://10.0.0.9:502", "unit_id": 1},
            {"name": "acme PV 10 4711", "endpoint": "tcp://10.0.0.8:502", "unit_id": 1},
        ]
    )
    found = walk(COMMON, model(103, W=1))
    written = device_file(found, propose(found), {"endpoint": "tcp://10.0.0.9:502"}, 1, there)
    assert "is the device 'Roof' already" in written
    assert yaml.safe_load(written) == {"devices": []}
    other = device_file(found, propose(found), {"endpoint": "tcp://10.0.0.9:502"}, 2, there)
    assert yaml.safe_load(other)["devices"][0]["name"] == "Acme PV 10 4711 (2)"


def test_names_are_unique_and_not_too_long():
    taken = {"x" * 120}
    assert unique("X" * 120, taken) == "X" * 116 + " (2)"
    assert unique("a", taken) == "a"


def test_a_connection_is_written_where_it_is_unusual():
    draft = Draft(fields={"name": "a", "endpoint": "serial:///dev/ttyUSB0"})
    written = devices([draft], connection={"endpoint": "serial:///dev/ttyUSB0", "baud_rate": 9600})
    contents = read(written, FileFormat.YAML)
    assert contents.connections["serial:///dev/ttyUSB0"].settings == {"baud_rate": 9600}


def test_keys_of_names():
    assert [slug(one) for one in ("PhVphA", "W", "TotWhExp", "WMaxLimPct_SF", "Over Temperature", "3D")] == [
        "ph_vph_a", "w", "tot_wh_exp", "wmax_lim_pct_sf", "over_temperature", "n_3_d",
    ]  # fmt: skip
