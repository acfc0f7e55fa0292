"""What DDMS watches of far sites (docs/sites.md), by what `ddms ingest` told of them; a part of `ddms.system_alarms`."""

from datetime import timedelta

from ddms.alarm_kinds import Kind, Texts
from ddms.alarms import Priority
from ddms.errors import Sentence

_MINUTE = timedelta(minutes=1)

OF_SITES: dict[str, Kind] = {
    # Nothing is missed of a site without devices.
    "site_unreached": Kind(
        priority=Priority.HIGH,
        raised=60,
        cleared=30,
        on_delay=_MINUTE,
        measured="""
SELECT site, unreached_seconds, CASE WHEN told_at > now() - interval '1 minute' THEN trouble
       ELSE '`ddms ingest` does not run, or DDMS_INGEST_SITES does not name the site' END
  FROM far_sites WHERE devices > 0""",
        texts=Texts(
            title=Sentence("the stream of the site {} is not reached", "{}"),
            cause=Sentence("`ddms ingest` or the NATS server does not run, or the line to the site's leaf node is cut: the detail says what is known."),
            consequence=Sentence("Its readings wait in its stream and in the spools of its collectors. Nothing of it is seen here, and no change reaches it."),
            action=Sentence("Bring back what is away: docs/sites.md says what waits where. All comes in order afterwards."),
        ),
    ),
    "site_behind": Kind(
        priority=Priority.LOW,
        raised=120,
        cleared=15,
        configured="backlog_seconds",
        on_delay=_MINUTE,
        measured="""
SELECT site, behind_seconds, pending || ' messages wait in its stream, ' || stream_bytes / 1000000 || ' MB' FROM far_sites WHERE told_at IS NOT NULL""",
        texts=Texts(
            title=Sentence("readings of the site {} wait in its stream", "{}"),
            cause=Sentence("The site was cut off, or `ddms ingest` or the database was away, or takes readings more slowly than they come."),
            consequence=Sentence("History has a gap, which closes when the stream is stored."),
            action=Sentence("Wait while it falls. If it grows, see the log of `ddms ingest` and the load of the database."),
        ),
    ),
    "stream_filling": Kind(
        priority=Priority.HIGH,
        raised=80,
        cleared=70,
        configured="spool_filling_percent",
        measured="""
SELECT site, 100.0 * stream_bytes / nullif(stream_max_bytes, 0), 'its stream has ' || stream_bytes / 1000000 || ' MB of ' || stream_max_bytes / 1000000 || ' MB'
  FROM far_sites WHERE told_at IS NOT NULL""",
        texts=Texts(
            title=Sentence("the stream of the site {} fills", "{}"),
            cause=Sentence("Its readings are not stored, or more slowly than they come."),
            consequence=Sentence("When it is full the collectors of the site keep readings in their spools; when those are full, readings are lost."),
            action=Sentence("Bring `ddms ingest` and the database back; DDMS_INGEST_STREAM_MAX_BYTES and the disk of the NATS server are its limits."),
        ),
    ),
    "messages_set_aside": Kind(
        priority=Priority.MEDIUM,
        raised=0,
        cleared=0,
        measured="""
SELECT site, (set_aside_at > now() - interval '1 hour')::int, set_aside || ' within a day, the newest: ' || set_aside_reason
  FROM far_sites WHERE set_aside_at IS NOT NULL""",
        texts=Texts(
            title=Sentence("messages of the site {} were set aside", "{}"),
            cause=Sentence("Something that is no collector of the site speaks in its name, its clock is far off, or versions do not fit: the detail says what was met."),
            consequence=Sentence("What is in them is not in the history; it is kept in the table `set_aside`."),
            action=Sentence("See `sites` for the reason, and mend what sent them: the key, the clock, the version or the name of the collector."),
        ),
    ),
}  # fmt: skip
