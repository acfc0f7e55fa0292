"""Row security: what the roles ddms_limited and ddms_grafana_limited see and change, whatever they ask."""

import asyncpg
import pytest

FILL = """
INSERT INTO connections (endpoint) VALUES ('tcp://10.0.3.1:502'), ('tcp://10.0.4.1:502'), ('tcp://10.0.5.1:502');
INSERT INTO devices (name, connection_id, unit_id) VALUES ('three', 1, 1), ('four', 2, 1), ('also three', 3, 1), ('also four', 3, 2);
INSERT INTO points (device_id, key, name, register_table, address, data_type) SELECT id, 'flow', 'Flow', 'holding', 0, 'uint16' FROM devices;
INSERT INTO groups (name) VALUES ('hall 3'), ('hall 4');
INSERT INTO device_groups VALUES (1, 1), (2, 2), (1, 3), (2, 4);
INSERT INTO users (name, role, limited) VALUES ('vera', 'viewer', true), ('nobody', 'viewer', true);
INSERT INTO user_groups VALUES (1, 1);
INSERT INTO readings SELECT now(), id, id, 0 FROM points;
INSERT INTO latest SELECT id, now(), id, 0 FROM points;
INSERT INTO rollup_1d (bucket, point_id, total, good, count, sum, min, max, worst) SELECT date_bin('1 day', now(), '2000-01-01Z'), id, 1, 1, 1, 1, 1, 1, 0 FROM points;
INSERT INTO device_states (device_id, state) SELECT id, 'online' FROM devices;
INSERT INTO collectors (name, version) VALUES ('here', '0');
INSERT INTO leases (connection_id, collector, expires_at) SELECT id, 'here', now() + interval '1 min' FROM connections;
INSERT INTO erasures (subject, points, requested_by) VALUES ('four', '{9}', 'ann');
INSERT INTO field_requests (kind, parameters, requested_by) VALUES ('scan', '{}', 'ann');
INSERT INTO limits (point_id, key, kind, threshold) SELECT id, 'high', 'high', 80 FROM points;
INSERT INTO alarms (source, kind, subject, priority) VALUES ('system', 'collector_silent', 'here', 'high');
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state) SELECT now(), id, device_id, kind, priority, 'raised', state FROM alarms;
"""


@pytest.fixture
async def fleet(owner: asyncpg.Connection) -> asyncpg.Connection:
    await owner.execute(FILL)
    return owner


@pytest.fixture
async def limited(fleet, database_url: str):
    """A session as the API has it for vera, who is of hall 3."""
    path = {"search_path": "limited, public", "role": "ddms_limited"}
    connection = await asyncpg.connect(database_url, server_settings=path)
    await connection.execute("SELECT set_config('ddms.person', '1', false)")
    yield connection
    await connection.close()


SEEN = {
    "SELECT name FROM devices": ["also three", "three"],
    "SELECT id FROM points": [1, 3],
    "SELECT name FROM groups": ["hall 3"],
    "SELECT device_id FROM device_groups": [1, 3],
    "SELECT id FROM connections": [1, 3],
    "SELECT point_id FROM readings": [1, 3],
    "SELECT point_id FROM latest": [1, 3],
    "SELECT point_id FROM rollup_1d": [1, 3],
    "SELECT point_id FROM point_holds": [1, 3],
    "SELECT device_id FROM device_states": [1, 3],
    "SELECT connection_id FROM leases": [1, 3],
    "SELECT point_id FROM limits": [1, 3],
    "SELECT device_id FROM alarms WHERE device_id IS NOT NULL": [1, 1, 3, 3],
    "SELECT connection_id FROM alarms WHERE device_id IS NULL": [1, 3],
    "SELECT device_id FROM alarm_events WHERE device_id IS NOT NULL": [1, 1, 3, 3],
    "SELECT connection_id FROM alarm_events JOIN alarms a ON a.id = alarm_id WHERE a.device_id IS NULL": [1, 3],
    "SELECT subject FROM erasures": [],
    "SELECT id FROM field_requests": [],
    "SELECT point_id FROM series('{1,2,3,4}', now() - interval '1 hour', now() + interval '1 hour')": [1, 3],
    "SELECT device_id FROM retention_cuts(now()) WHERE source = 'readings'": [1, 3],
}


@pytest.mark.parametrize("sql", SEEN)
async def test_a_limited_person_sees_what_is_in_the_own_groups(limited, sql):
    assert sorted(row[0] for row in await limited.fetch(sql)) == SEEN[sql]


@pytest.mark.parametrize("person", ["2", "", "99"])
async def test_who_has_no_group_and_a_session_without_a_person_see_nothing(limited, person):
    await limited.execute("SELECT set_config('ddms.person', $1, false)", person)
    for sql in SEEN:
        assert await limited.fetch(sql) == [], sql


CHANGES = [
    "UPDATE devices SET description = 'x'",
    "UPDATE points SET name = 'x'",
    "DELETE FROM points",
    "DELETE FROM devices",
    "UPDATE connections SET timeout_ms = 77",
    "DELETE FROM device_groups WHERE device_id IN (2, 4)",
    "UPDATE alarms SET note = 'x'",
    "DELETE FROM limits",
]
OTHERS = """
SELECT (SELECT string_agg(d::text, '') FROM devices d WHERE id IN (2, 4)), (SELECT string_agg(p::text, '') FROM points p WHERE device_id IN (2, 4)),
       (SELECT string_agg(c::text, '') FROM connections c WHERE id IN (2, 3)), (SELECT string_agg(m::text, '') FROM device_groups m WHERE group_id = 2),
       (SELECT string_agg(a::text, '') FROM alarms a WHERE device_id IN (2, 4) OR connection_id IN (2, 3) OR source = 'system'),
       (SELECT string_agg(l::text, '') FROM limits l WHERE point_id IN (2, 4))
"""


@pytest.mark.parametrize("sql", CHANGES)
async def test_a_limited_person_changes_nothing_of_others(limited, fleet, sql):
    before = await fleet.fetchrow(OTHERS)
    await limited.execute(sql)
    assert await fleet.fetchrow(OTHERS) == before


REFUSED = [
    "INSERT INTO points (device_id, key, name, register_table, address, data_type) VALUES (2, 'x', 'X', 'holding', 0, 'uint16')",
    "UPDATE points SET device_id = 2 WHERE id = 1",
    "INSERT INTO device_groups VALUES (1, 2)",
    "INSERT INTO device_groups VALUES (2, 1)",
    "UPDATE device_groups SET group_id = 2",
    "DELETE FROM device_groups",
    "INSERT INTO devices (name, connection_id, unit_id) VALUES ('new', 1, 9)",
    "INSERT INTO erasures (subject, points, requested_by, user_id) VALUES ('x', '{}', 'x', 2)",
    "UPDATE groups SET name = 'x'",
    "UPDATE profiles SET name = 'x'",
    "INSERT INTO user_groups VALUES (1, 2)",
    "UPDATE users SET limited = false",
    "INSERT INTO limits (point_id, key, kind, threshold) VALUES (2, 'low', 'low', 1)",
    "UPDATE alarm_events SET note = 'x'",
    "DELETE FROM alarms",
    "INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state) SELECT now(), 1, 2, 'high', 'high', 'noted', 'normal'",
    "INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state) VALUES (now(), (SELECT max(id) FROM alarms), 1, 'high', 'high', 'noted', 'normal')",
    "INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state) VALUES (now(), 5, 1, 'high', 'high', 'noted', 'normal')",
    "INSERT INTO alarm_events (time, alarm_id, kind, priority, event, state) SELECT now(), id, kind, priority, 'noted', state FROM alarms WHERE connection_id = 3",
    "SELECT * FROM users",
    "SELECT * FROM api_tokens",
    "SELECT * FROM audit_log",
    "SELECT * FROM public.readings",
    "SELECT * FROM public.latest",
    "SELECT * FROM grafana.devices",
    "SELECT grafana_password FROM secrets",
]


@pytest.mark.parametrize("sql", REFUSED)
async def test_a_limited_person_is_refused(limited, sql):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await limited.execute(sql)


async def test_a_device_that_is_made_and_put_into_the_own_group_is_in_sight_from_the_beginning(limited):
    async with limited.transaction():
        made = "INSERT INTO devices (name, connection_id, unit_id) VALUES ('new', use_endpoint('tcp://10.0.3.9:502'), 9) RETURNING id"
        number = await limited.fetchval(made)
        await limited.execute("INSERT INTO device_groups VALUES (1, $1)", number)
    assert await limited.fetchval("SELECT count(*) FROM devices") == 3


@pytest.mark.parametrize(
    ("endpoint", "foreign"),
    [
        ("tcp://10.0.4.1:502", True),
        ("rtu+tcp://10.0.4.1:502", True),
        ("tcp://10.0.5.1:502", True),
        ("tcp://10.0.3.1:502", False),
        ("tcp://10.0.9.9:502", False),
    ],
)
async def test_an_endpoint_where_others_are_is_not_used(limited, endpoint, foreign):
    assert await limited.fetchval("SELECT is_foreign($1)", endpoint) is foreign
    assert (await limited.fetchval("SELECT use_endpoint($1)", endpoint) is None) is foreign


async def test_what_a_transaction_has_made_is_forgotten_with_it(limited):
    async with limited.transaction():
        await limited.fetchval("SELECT set_config('ddms.made_devices', '2', true)")
        assert await limited.fetchval("SELECT count(*) FROM devices") == 3
    assert await limited.fetchval("SELECT count(*) FROM devices") == 2


async def test_every_table_is_out_of_reach_of_limited_people_unless_it_is_named(fleet):
    assert await fleet.fetch("SELECT * FROM limited_faults()") == []
    await fleet.execute("CREATE TABLE valves (device_id int); GRANT SELECT ON valves TO ddms_limited")
    (fault,) = await fleet.fetch("SELECT * FROM limited_faults()")
    assert fault["fault"] == "ddms_limited has other rights on public.valves than none"
    await fleet.execute("SELECT restore_roles()")
    assert await fleet.fetch("SELECT * FROM limited_faults()") == []


async def test_row_security_that_was_switched_off_is_told_and_restored(fleet):
    await fleet.execute("ALTER TABLE devices DISABLE ROW LEVEL SECURITY; GRANT SELECT ON readings TO ddms_limited")
    faults = {row["fault"] for row in await fleet.fetch("SELECT * FROM role_faults()")}
    assert {"devices has no row security", "ddms_limited has other rights on public.readings than none"} <= faults
    await fleet.execute("SELECT restore_roles()")
    assert await fleet.fetch("SELECT * FROM limited_faults()") == []


PLANS = [
    "SELECT * FROM devices WHERE id = 1",
    "SELECT * FROM points p JOIN devices d ON d.id = p.device_id",
    "UPDATE points SET name = 'x' WHERE id = 1",
    "SELECT * FROM alarms WHERE device_id = 1",
    "SELECT * FROM alarm_events WHERE device_id = 1 ORDER BY time DESC, id DESC LIMIT 50",
    "INSERT INTO groups (name) VALUES ('x')",
]


@pytest.mark.parametrize("sql", PLANS)
async def test_the_plans_of_everybody_else_are_those_without_row_security(fleet, sql):
    async def plan() -> list[str]:
        return [row[0] for row in await fleet.fetch(f"EXPLAIN (VERBOSE, COSTS OFF) {sql}")]

    without = await plan()  # of a superuser, whom no policy binds
    await fleet.execute("SET ROLE ddms_app")
    assert await plan() == without


VIEWS = "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'grafana'::regnamespace"


@pytest.fixture
async def dashboard(fleet, database_url: str):
    """A session as Grafana has it for limited people."""
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "limited_grafana"})
    await connection.execute("SET SESSION AUTHORIZATION ddms_grafana_limited")
    yield connection
    await connection.close()


async def test_each_view_of_grafana_has_one_for_limited_people_that_shows_nothing_to_who_is_nobody(fleet, dashboard):
    names = [row[0] for row in await fleet.fetch(VIEWS)]
    assert len(names) > 10
    for name in names:
        for person in (
            "",
            "/*ddms:person 2*/",
            " /*ddms:person 1*/",
            "SELECT 1;/*ddms:person 1*/",
            "/*ddms:person 1x*/",
        ):
            found = await dashboard.execute(f"{person}SELECT * FROM {name}")
            assert found == "SELECT 0" or (name in {"qualities", "collectors"} and "2" in person), (name, person)


@pytest.mark.parametrize(
    ("sql", "seen"),
    [
        ("SELECT device FROM devices", 2),
        ("SELECT * FROM points", 2),
        ("SELECT * FROM latest", 2),
        ("SELECT * FROM readings", 2),
        ("SELECT * FROM groups", 1),
        ("SELECT * FROM group_devices", 2),
        (
            "SELECT DISTINCT point_id FROM trend('{1,2,3,4}', now() - interval '1 hour', now() + interval '1 hour', 100)",
            2,
        ),
        ("SELECT * FROM limits", 2),
        ("SELECT * FROM alarm_events", 6),
        ("SELECT * FROM erasures", 0),
        ("SELECT * FROM storage", 0),
    ],
)
async def test_a_person_whom_the_text_names_first_sees_the_own_groups_in_grafana(dashboard, sql, seen):
    assert await dashboard.execute(f"/*ddms:person 1*/{sql}") == f"SELECT {seen}"


@pytest.mark.parametrize(
    "way", ["person = '1'; SELECT device FROM devices", "made_devices = '2'; SELECT device FROM devices"]
)
async def test_settings_name_nobody_in_grafana(dashboard, way):
    assert await dashboard.execute(f"SET ddms.{way}") == "SELECT 0"


async def test_an_expression_that_fails_tells_no_value_that_is_not_shown(dashboard):
    with pytest.raises(asyncpg.InvalidTextRepresentationError) as told:
        await dashboard.execute("/*ddms:person 1*/SELECT * FROM devices WHERE device::int > 0")
    assert "four" not in str(told.value)
