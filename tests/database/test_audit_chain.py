"""The chain of the audit: whatever is done to an entry behind the programs' back is found."""

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest

from api.audit.chain import Break, Note, head_of, verify
from api.audit.job import keep_audit
from api.ground import audit
from api.ground.actor import COMMAND_LINE, Actor
from api.ground.database import Database, Statements
from ddms.database import connect, read_edition
from ddms.errors import DdmsError
from ddms.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"
ODD = Actor(name="a\tb\\N\n名\v\f\r\b", address="::1", client="C:\\temp \x7f")
LATE = "UPDATE audit_log SET at = at - interval '{}' WHERE number <= {}"


@pytest.fixture
async def database(pool, owner) -> Database:
    return Database(pool, await read_edition(owner))


@pytest.fixture
async def program(settings):
    """A connection with the rights that programs have."""
    connection = await connect(settings, "test")
    yield connection
    await connection.close()


@pytest.fixture
async def ten(program) -> asyncpg.Connection:
    """Ten entries, each of its own transaction."""
    for number in range(1, 11):
        await audit.record(
            Statements(program), COMMAND_LINE, "device.update", f"dev_{number}", before={"n": number}, after={"n": 1.50}
        )
    return program


async def checked(connection: asyncpg.Connection, expected: Note | None = None):
    async with connection.transaction():
        return await verify(Statements(connection), expected)


async def add(connection: asyncpg.Connection, *subjects: str) -> None:
    await audit.record_each(Statements(connection), COMMAND_LINE, "device.profile", list(subjects), after={"p": None})


async def numbers(owner: asyncpg.Connection) -> list[int]:
    return [row[0] for row in await owner.fetch("SELECT number FROM audit_log ORDER BY number NULLS LAST")]


async def test_an_empty_chain_is_in_order(program):
    found = await checked(program)
    assert (found.broken, found.entries, found.head) == (None, 0, Note(0, bytes(32)))


async def test_entries_are_chained_in_the_order_of_their_commits(ten, owner):
    found = await checked(ten)
    assert (found.broken, found.entries, found.head.number) == (None, 10, 10)
    assert await numbers(owner) == list(range(1, 11))
    assert found.head.hash == await owner.fetchval("SELECT hash FROM audit_log WHERE number = 10")


async def test_text_of_every_kind_is_hashed_alike_here_and_in_the_database(program):
    odd = {"text": 'tab\t quote" back\\slash \n', "number": 1e30, "small": 0.1, "none": None, "名": ["\x1f"]}
    await audit.record(Statements(program), ODD, "x.y", "\\.", before=odd, after=[])
    await audit.record(Statements(program), ODD, "x.y", "", before="text", after=0)
    assert (await checked(program)).broken is None


TAMPERED = {
    "UPDATE audit_log SET after = '{\"n\": 2}' WHERE number = 4": (Break.CHANGED, 4),
    "UPDATE audit_log SET actor = 'somebody else' WHERE number = 1": (Break.CHANGED, 1),
    "UPDATE audit_log SET at = at + interval '1 microsecond' WHERE number = 10": (Break.CHANGED, 10),
    "UPDATE audit_log SET client = NULL WHERE number = 2": (Break.CHANGED, 2),
    "UPDATE audit_log SET hash = sha256('x') WHERE number = 5": (Break.CHANGED, 5),
    "UPDATE audit_log SET hash = NULL WHERE number = 5": (Break.CHANGED, 5),
    "DELETE FROM audit_log WHERE number = 6": (Break.MISSING, 6),
    "DELETE FROM audit_log WHERE number <= 3": (Break.MISSING, 1),
    "DELETE FROM audit_log WHERE number > 8": (Break.CUT, 9),
    "TRUNCATE audit_log": (Break.CUT, 1),
    "DELETE FROM audit_log WHERE number = 10; UPDATE audit_chain SET number = 9": (Break.OTHER_HEAD, 9),
    "UPDATE audit_chain SET number = 9": (Break.OTHER_HEAD, 10),
    """ALTER TABLE audit_log DISABLE TRIGGER USER;
       INSERT INTO audit_log (actor, action, subject) VALUES ('me', 'x', 'y')""": (Break.STRAY, 10),
    """ALTER TABLE audit_log DISABLE TRIGGER USER;
       INSERT INTO audit_log (number, hash, actor, action, subject) VALUES (0, sha256('x'), 'me', 'x', 'y')""": (Break.STRAY, 0),
    """DELETE FROM audit_log WHERE number = 7; ALTER TABLE audit_log DISABLE TRIGGER USER;
       INSERT INTO audit_log (number, hash, actor, action, subject) VALUES (7, sha256('x'), 'me', 'x', 'y')""": (Break.CHANGED, 7),
    """UPDATE audit_log SET number = -number WHERE number IN (3, 4);
       UPDATE audit_log SET number = 7 + number WHERE number < 0""": (Break.CHANGED, 3),
    """WITH a AS (SELECT * FROM audit_log WHERE number = 3), b AS (SELECT * FROM audit_log WHERE number = 4)
       UPDATE audit_log e SET subject = o.subject, before = o.before
         FROM (SELECT 3 AS n, b.* FROM b UNION ALL SELECT 4, a.* FROM a) o WHERE e.number = o.n""": (Break.CHANGED, 3),
}  # fmt: skip


@pytest.mark.parametrize("statement", TAMPERED)
async def test_what_a_superuser_does_to_the_entries_is_found(ten, owner, statement):
    await owner.execute(statement)
    found = await checked(ten)
    assert (found.broken, found.at) == TAMPERED[statement]


async def test_a_cut_that_moves_the_end_along_is_found_by_a_noted_head_only(ten, owner):
    noted = await head_of(Statements(ten))
    await owner.execute("DELETE FROM audit_log WHERE number > 8")
    await owner.execute("UPDATE audit_chain SET number = 8, hash = (SELECT hash FROM audit_log WHERE number = 8)")
    assert (await checked(ten)).broken is None
    found = await checked(ten, noted)
    assert (found.broken, found.at) == (Break.NOTE_AHEAD, 9)


async def test_a_chain_that_was_written_anew_is_found_by_a_noted_head_only(ten, owner):
    noted = await head_of(Statements(ten))
    await owner.execute("UPDATE audit_log SET actor = 'nobody', number = NULL, hash = NULL")
    await owner.execute("UPDATE audit_chain SET number = erased, hash = erased_hash")
    await owner.execute("SELECT chain_audit_from(0)")
    assert (await checked(ten)).broken is None
    found = await checked(ten, noted)
    assert (found.broken, found.at) == (Break.OTHER_NOTE, 10)


async def test_a_noted_head_stays_good_while_entries_come(ten):
    noted = await head_of(Statements(ten))
    await add(ten, "dev_1", "dev_2")
    assert (await checked(ten, noted)).broken is None
    assert Note.parse(str(noted)) == noted


@pytest.mark.parametrize("text", ["", "5", "5:", "5:xyz", "x:" + "00" * 32, "-1:" + "00" * 32, "5:00"])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(DdmsError, match="what `ddms audit head` printed"):
        Note.parse(text)


async def test_entries_of_many_transactions_at_once_have_no_gap(settings, owner):
    async def one(number: int) -> None:
        connection = await connect(settings, "test")
        for _ in range(5):
            async with connection.transaction():
                await add(connection, *(f"dev_{number}" for _ in range(1 + number % 3)))
                await asyncio.sleep(0)
                await add(connection, f"dev_{number}")
        await connection.close()

    await asyncio.gather(*(one(number) for number in range(20)))
    count = await owner.fetchval("SELECT count(*) FROM audit_log")
    assert await numbers(owner) == list(range(1, count + 1))
    assert (await checked(owner)).broken is None


async def test_a_transaction_that_lasts_keeps_nobody_waiting(settings, program, owner):
    other = await connect(settings, "test")
    async with program.transaction():
        await add(program, "dev_1")
        async with asyncio.timeout(30):
            await add(other, "dev_2")
    assert [row["subject"] for row in await owner.fetch("SELECT subject FROM audit_log ORDER BY number")] == [
        "dev_2", "dev_1",
    ]  # fmt: skip
    await other.close()


async def test_what_is_rolled_back_leaves_neither_entry_nor_gap(program, owner):
    statements = Statements(program)
    async with program.transaction():
        async with statements.undone():
            await add(program, "dev_1")
        await add(program, "dev_2")
        async with statements.undone():
            await add(program, "dev_3")
    transaction = program.transaction()
    await transaction.start()
    await add(program, "dev_4")
    await transaction.rollback()
    await add(program, "dev_5")
    assert await numbers(owner) == [1, 2]
    assert (await checked(program)).broken is None


async def test_five_thousand_entries_of_one_transaction_are_chained(program):
    await add(program, *(f"dev_{number}" for number in range(1, 5001)))
    assert (await checked(program)).entries == 5000


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log", "TRUNCATE audit_log",
        "UPDATE audit_chain SET number = 0", "INSERT INTO audit_chain DEFAULT VALUES", "DELETE FROM audit_chain",
        "TRUNCATE audit_chain", "SELECT chain_audit_from(0)", "ALTER TABLE audit_log DISABLE TRIGGER USER",
        "SET session_replication_role = replica", "DROP TRIGGER audit_log_chained ON audit_log",
        "CREATE TEMP TABLE mine (id bigint); CREATE TRIGGER t AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION chain_audit()",
    ],
)  # fmt: skip
async def test_the_programs_role_can_neither_change_nor_erase(ten, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ten.execute(statement)


async def test_the_programs_role_says_neither_place_nor_hash_nor_time_of_an_entry(program, owner):
    await program.execute(
        "INSERT INTO audit_log (id, at, actor, action, subject, number, hash) OVERRIDING SYSTEM VALUE"
        " VALUES (-7, '2001-01-01Z', 'x', 'y', 'z', 99, sha256('x')), (7777, '2001-01-01Z', 'x', 'y', 'z', 98, NULL)"
    )
    rows = await owner.fetch("SELECT number, at > now() - interval '1 hour' AS recent FROM audit_log ORDER BY number")
    assert [tuple(row) for row in rows] == [(1, True), (2, True)]
    assert (await checked(program)).broken is None


async def test_only_entries_beyond_the_retention_are_erased_and_that_is_recorded(ten, owner, database):
    noted = await head_of(Statements(ten))
    await owner.execute(LATE.format("731 days", 6))
    await owner.execute("UPDATE audit_log SET number = NULL, hash = NULL")
    await owner.execute("UPDATE audit_chain SET number = 0, hash = erased_hash; SELECT chain_audit_from(0)")
    done = await keep_audit(database)
    assert (done["entries"], done["erased"]) == (10, 6)
    assert await numbers(owner) == [7, 8, 9, 10, 11]
    last = await owner.fetchrow("SELECT * FROM audit_log WHERE number = 11")
    assert (last["actor"], last["action"], last["before"]) == ("scheduler", "audit.erase", {"first": 1, "last": 6})
    assert await ten.fetchval("SELECT forget_audit()") == 0
    found = await checked(ten, Note(3, noted.hash))
    assert (found.broken, found.entries, found.erased, found.note_erased) == (None, 5, 6, True)


async def test_the_programs_role_erases_nothing_younger_than_ninety_days(ten, owner):
    await owner.execute(LATE.format("89 days", 10))
    await ten.execute("UPDATE configuration SET audit_days = 90")
    with pytest.raises(asyncpg.CheckViolationError):
        await ten.execute("UPDATE configuration SET audit_days = 89")
    assert await ten.fetchval("SELECT forget_audit()") == 0
    await owner.execute(LATE.format("2 days", 4))
    assert await ten.fetchval("SELECT forget_audit(3)") == 3
    assert await ten.fetchval("SELECT forget_audit()") == 1


async def test_a_broken_chain_is_told_by_the_job_and_not_erased(ten, owner, database):
    await owner.execute("DELETE FROM audit_log WHERE number = 4")
    await owner.execute(LATE.format("4000 days", 10))
    with pytest.raises(DdmsError, match="the audit is not as it was written, at entry 1"):
        await keep_audit(database)
    with pytest.raises(asyncpg.RaiseError, match="missing between"):
        await ten.fetchval("SELECT forget_audit()")
    assert len(await numbers(owner)) == 9


async def test_what_was_written_before_there_was_a_chain_is_chained_as_it_stands(owner, program):
    await owner.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
    await owner.execute(
        "INSERT INTO audit_log (actor, action, subject) SELECT 'old', 'x', g::text FROM generate_series(1, 50) g"
    )
    await owner.execute("SELECT chain_audit_from(min(id)) FROM audit_log; ALTER TABLE audit_log ENABLE TRIGGER USER")
    await add(program, "dev_1")
    found = await checked(program)
    assert (found.broken, found.entries) == (None, 51)


async def test_the_program_in_the_document_checks_the_chain_without_ddms(ten, owner, database_url, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (copy,) = re.findall(r"\\copy \((.*?)\) to", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "audit.copy"
    await owner.copy_from_query(copy, output=str(file))
    script = tmp_path / "check.py"
    script.write_text(code, encoding="utf-8")
    head = await head_of(Statements(ten))
    assert await _run(script, file) == f"{head}\n"
    file.write_bytes(file.read_bytes().replace(b"dev_7", b"dev_8"))
    assert "entry 7" in await _run(script, file)


async def _run(script: Path, file: Path) -> str:
    process = await asyncio.create_subprocess_exec("python3", str(script), str(file), stdout=-1, stderr=-2)
    out, _ = await process.communicate()
    return out.decode()


async def test_grafanas_role_sees_what_was_changed_and_no_person(owner, database_url, program):
    who = Actor(name="ann", address="10.0.0.7", client="Firefox")
    for action in ("device.update", "token.create", "user.create", "export.history", "audit.export", "sign_in.fail"):
        await audit.record(Statements(program), who, action, "dev_1", before={"secret": 1}, after={"secret": 2})
    grafana = await connect(Settings(database_url=database_url, database_role="ddms_grafana"), "test")
    rows = await grafana.fetch("SELECT * FROM grafana.changes")
    assert [row["action"] for row in rows] == ["device.update"]
    assert "10.0.0.7" not in str(rows)
    assert "secret" not in str(rows)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await grafana.fetch("SELECT * FROM public.audit_log")
    await grafana.close()


@pytest.mark.parametrize("role", ["ddms_app", "ddms_limited"])
async def test_a_program_cannot_say_when_an_entry_was_made(program, owner, role):
    await program.execute(f"SET ROLE {role}")
    await program.execute(
        "INSERT INTO audit_log (at, actor, actor_kind, action, subject) VALUES ('2001-01-01', 'a', 'program', 'x.y', 'z')"
    )
    assert await owner.fetchval("SELECT at > now() - interval '1 day' FROM audit_log")
