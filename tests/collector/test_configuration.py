"""What the collector polls: only the lines in which something changed are read again."""

from collector.polling.polled_lines import PolledLines


async def test_a_line_is_read_again_only_when_something_in_it_changed(owner, make_device):
    for port in (5001, 5002, 5003):
        await make_device(f"Device {port}", port=port)
    ids = {row["id"]: row["endpoint"] for row in await owner.fetch("SELECT id, endpoint FROM connections")}
    one, two, three = sorted(ids)
    configuration = PolledLines()
    first = await configuration.read(owner, {one, two})
    assert first.keys() == {one, two}, "the third is not ours"
    assert {str(line.line.endpoint) for line in first.values()} == {ids[one], ids[two]}
    again = await configuration.read(owner, {one, two})
    assert all(again[number] is first[number] for number in first)

    await owner.execute(
        "UPDATE points SET scale = 7 WHERE device_id IN (SELECT id FROM devices WHERE connection_id = $1)", two
    )
    changed = await configuration.read(owner, {one, two})
    assert changed[one] is first[one]
    assert {point.scale for unit in changed[two].units for point in unit.points} == {7}

    await owner.execute("UPDATE devices SET enabled = false WHERE connection_id = $1", one)
    assert (await configuration.read(owner, {one, two, three})).keys() == {two, three}
