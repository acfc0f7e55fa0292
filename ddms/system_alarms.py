"""What DDMS watches of itself: one table, a kind of alarm an entry.

A kind is added by one entry of `KINDS`: how it is measured, from where to where it is an alarm, its priority, and what the
operator reads. `ddms.system_watch` does the rest. The texts of alarms of devices and connections stand here too.
"""

from datetime import timedelta

from ddms.alarm_kinds import Kind, Texts
from ddms.alarms import Priority
from ddms.errors import Sentence
from ddms.site_alarms import OF_SITES

COMMON = """
running AS (SELECT *, seen_at > now() - interval '30 s' AS alive FROM collectors WHERE stopped_at IS NULL),
unpolled AS (
    SELECT c.endpoint, l.collector FROM connections c LEFT JOIN leases l ON l.connection_id = c.id
     WHERE (l.connection_id IS NULL OR l.expires_at < now()) AND EXISTS (
           SELECT FROM devices d JOIN points p ON p.device_id = d.id AND p.enabled
            WHERE d.connection_id = c.id AND d.enabled AND d.deleted_at IS NULL AND d.created_at < now() - interval '30 s')),
far_sites AS (SELECT * FROM grafana.sites),
standing AS (SELECT * FROM grafana.backup_standing)"""
"""What several kinds look at. `alive`: as `/health` has it; `unpolled.collector`: who polled it last, if that one was killed."""

_MINUTE = timedelta(minutes=1)
_HALF_MINUTE = timedelta(seconds=30)
_GOOD_TIME = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"')"

KINDS: dict[str, Kind] = {
    # Whoever was stopped says so. One whose work others have done for a day is not missed: a container under a new name.
    "collector_silent": Kind(
        priority=Priority.CRITICAL,
        raised=30,
        cleared=15,
        on_delay=timedelta(seconds=15),
        measured=f"""
SELECT name, extract(epoch FROM now() - seen_at), 'last heard of at ' || {_GOOD_TIME.format("seen_at")} FROM running
 WHERE seen_at > now() - interval '1 day' OR EXISTS (SELECT FROM unpolled) OR NOT EXISTS (SELECT FROM running WHERE alive)""",  # noqa: S608
        texts=Texts(
            title=Sentence("the collector {} is silent", "{}"),
            cause=Sentence("The collector was killed, its machine or its network is down, or it hangs."),
            consequence=Sentence(
                "Other collectors poll its devices after half a minute. Without another one nothing is read, and no limit is judged."
            ),
            action=Sentence(
                "Look at its machine and its log, and start it again. One that will not come back is taken out by removeCollector."
            ),
        ),
    ),
    # An endpoint that is not polled because its collector was killed is that one's alarm, until others could have taken it.
    "endpoints_unpolled": Kind(
        priority=Priority.CRITICAL,
        raised=0,
        cleared=0,
        on_delay=_HALF_MINUTE,
        measured="""
SELECT 'endpoints', count(*), min(endpoint) || ' is one of ' || count(*)
  FROM unpolled u WHERE EXISTS (SELECT FROM running WHERE alive) OR NOT EXISTS (SELECT FROM running WHERE name = u.collector)""",
        texts=Texts(
            title=Sentence("endpoints are polled by no collector"),
            cause=Sentence("No collector runs, or those that run do not take the endpoints."),
            consequence=Sentence("Nothing is read from the devices behind them, and no limit is judged."),
            action=Sentence("Start a collector, and look at what `ddms doctor` says on its machine."),
        ),
    ),
    # The late points first, since they are few: to join all points takes several times as long.
    "ingest_lagging": Kind(
        priority=Priority.HIGH,
        raised=5,
        cleared=1,
        configured="late_points_percent",
        on_delay=_HALF_MINUTE,
        off_delay=_HALF_MINUTE,
        measured="""
SELECT c.name, CASE WHEN c.alive THEN 100.0 * coalesce(n.late, 0) / greatest(n.points, 1) END,
       n.late || ' of ' || n.points || ' points of devices that answer have no reading of their last three intervals'
  FROM running c LEFT JOIN (
       SELECT l.collector, sum(p.points)::bigint AS points, sum(coalesce(o.late, 0))::bigint AS late
         FROM leases l JOIN devices d ON d.connection_id = l.connection_id AND d.enabled AND d.deleted_at IS NULL
         JOIN device_states s ON s.device_id = d.id AND s.state IN ('online', 'error')
         JOIN (SELECT device_id, count(*) AS points FROM points WHERE enabled GROUP BY 1) p ON p.device_id = d.id
         LEFT JOIN (SELECT p.device_id, count(*) AS late FROM latest t JOIN points p ON p.id = t.point_id AND p.enabled
                     WHERE t.time < now() - interval '33 s' AND t.time < now() - make_interval(secs => 3 * p.interval_s + 30) GROUP BY 1) o
                ON o.device_id = d.id
        WHERE l.expires_at > now() GROUP BY 1) n ON n.collector = c.name""",
        texts=Texts(
            title=Sentence("readings of the collector {} are stored late", "{}"),
            cause=Sentence(
                "The database is slow or locked, the collector's machine is overloaded, or a line is too slow for its points."
            ),
            consequence=Sentence("Dashboards and alarms are late by as much."),
            action=Sentence(
                "See what the collector says (`trouble` of `collectors`), the load of the database, and `plan` for lines that are too slow."
            ),
        ),
    ),
    "backlog": Kind(
        priority=Priority.LOW,
        raised=120,
        cleared=15,
        configured="backlog_seconds",
        on_delay=_MINUTE,
        measured="""
SELECT name, CASE WHEN alive THEN coalesce(extract(epoch FROM now() - spool_since), 0) END,
       spool_bytes / 1000000 || ' MB wait in its spool' FROM running""",
        texts=Texts(
            title=Sentence("readings wait in the spool of the collector {}", "{}"),
            cause=Sentence("The database was away, or takes readings more slowly than they come."),
            consequence=Sentence("History has a gap, which closes when the spool is replayed."),
            action=Sentence("Wait while it falls. If it grows, see what the collector says (`trouble` of `collectors`)."),
        ),
    ),
    "spool_filling": Kind(
        priority=Priority.HIGH,
        raised=80,
        cleared=70,
        configured="spool_filling_percent",
        measured="""
SELECT name, CASE WHEN alive THEN 100 * (1 - spool_room_bytes::float8 / nullif(spool_max_bytes, 0)) END,
       'room for ' || spool_room_bytes / 1000000 || ' MB of ' || spool_max_bytes / 1000000 || ' MB' FROM running""",
        texts=Texts(
            title=Sentence("the spool of the collector {} fills", "{}"),
            cause=Sentence("Readings wait there for the database, or others have filled the disk under it."),
            consequence=Sentence("When it is full and the database is away, readings are lost."),
            action=Sentence("Make room on the disk of the collector, or bring the database back; DDMS_SPOOL_MAX_BYTES is its limit."),
        ),
    ),
    "spool_unusable": Kind(
        priority=Priority.HIGH,
        raised=0,
        cleared=0,
        measured="SELECT name, CASE WHEN alive THEN (spool_fault IS NOT NULL)::int END, spool_fault FROM running",
        texts=Texts(
            title=Sentence("the spool of the collector {} cannot be used", "{}"),
            cause=Sentence("The collector cannot write into its spool folder: rights, a full disk, or a file system that is gone."),
            consequence=Sentence("If the database is away now, all readings are lost."),
            action=Sentence("Let the collector write there, or name another folder by DDMS_SPOOL_DIRECTORY."),
        ),
    ),
    "readings_lost": Kind(
        priority=Priority.CRITICAL,
        raised=0,
        cleared=0,
        measured=f"""
SELECT name, (lost_at > now() - interval '10 minutes')::int, lost_readings || ' since it was installed, the last at ' || {_GOOD_TIME.format("lost_at")}
  FROM running WHERE lost_at IS NOT NULL""",  # noqa: S608
        texts=Texts(
            title=Sentence("the collector {} lost readings", "{}"),
            cause=Sentence("Neither the database nor the spool took them."),
            consequence=Sentence("History has a gap that nothing closes."),
            action=Sentence("Bring the database back, and make room for the spool."),
        ),
    ),
    "clock_off": Kind(
        priority=Priority.MEDIUM,
        raised=2,
        cleared=1,
        configured="clock_off_seconds",
        on_delay=_HALF_MINUTE,
        measured="""
SELECT 'collector ' || name, CASE WHEN alive THEN abs(clock_seconds) END,
       round(abs(clock_seconds)::numeric, 1) || CASE WHEN clock_seconds > 0 THEN ' s ahead of' ELSE ' s behind' END || ' the database' FROM running
 WHERE clock_seconds IS NOT NULL
UNION ALL
SELECT 'api', abs($1::float8), round(abs($1::float8)::numeric, 1) || CASE WHEN $1::float8 > 0 THEN ' s ahead of' ELSE ' s behind' END || ' the database'""",
        texts=Texts(
            title=Sentence("the clock of the {} is wrong", "{}"),
            cause=Sentence("The clock of this machine or of the database's is not set by NTP. Several at once: it is the database's."),
            consequence=Sentence("Readings have wrong times, delays of alarms run wrongly, sign-ins to Grafana fail."),
            action=Sentence("Let all machines take their time from the same NTP servers (chrony, systemd-timesyncd)."),
        ),
    ),
    **OF_SITES,
    "disk_filling": Kind(
        priority=Priority.HIGH,
        raised=85,
        cleared=80,
        configured="disk_filling_percent",
        texts=Texts(
            title=Sentence("the disk of the database fills"),
            cause=Sentence("History grows, or something else fills the disk of the database."),
            consequence=Sentence("A full disk stops the database: readings go to the spools, nobody can sign in."),
            action=Sentence("Shorten retention, make the disk larger, or remove what is not the database's. `storage` says what grows."),
        ),
    ),
    "disk_full": Kind(
        priority=Priority.CRITICAL,
        raised=95,
        cleared=93,
        configured="disk_full_percent",
        texts=Texts(
            title=Sentence("the disk of the database is almost full"),
            cause=Sentence("History grows, or something else fills the disk of the database."),
            consequence=Sentence("The database stops within hours: readings go to the spools, nobody can sign in."),
            action=Sentence("Make room at once: remove what is not the database's, then make the disk larger or shorten retention."),
        ),
    ),
    # One that runs for long is excused for a day, and one that somebody paused is not due. Who makes backups has a kind of his own.
    "job_failed": Kind(
        priority=Priority.MEDIUM,
        raised=0,
        cleared=0,
        on_delay=_MINUTE,
        measured=f"""
SELECT s.name, (r.error IS NOT NULL OR (s.name <> 'backups' AND s.paused_at IS NULL AND s.due_at < now() - interval '2 minutes'
                                        AND coalesce(s.started_at, '-infinity') < now() - interval '1 day'))::int,
       CASE WHEN r.error IS NOT NULL THEN left(r.error, 500) WHEN s.started_at IS NOT NULL THEN 'it runs since ' || {_GOOD_TIME.format("s.started_at")}
            ELSE 'it was due at ' || {_GOOD_TIME.format("s.due_at")} END
  FROM scheduled_jobs s LEFT JOIN LATERAL (SELECT error FROM job_runs WHERE job_runs.job = s.name ORDER BY id DESC LIMIT 1) r ON true
UNION ALL
SELECT job || ' of ' || subject, bool_or(failed)::int, 'a job of the database itself' FROM storage_jobs() GROUP BY job, subject""",  # noqa: S608
        texts=Texts(
            title=Sentence("the job {} fails", "{}"),
            cause=Sentence("The detail says what the job met."),
            consequence=Sentence(
                "What it does is not done: rollups come late, expired history stays, what is deleted is not erased. It is tried again."
            ),
            action=Sentence("Mend what the detail says; `runJob` or the dashboard Jobs runs it at once."),
        ),
    ),
    # History expires every day, and nobody needs to be called for what happens every day.
    "retention_due": Kind(
        priority=Priority.LOW,
        raised=2,
        cleared=1.5,
        measured=f"""
SELECT 'retention', CASE WHEN n.due_at IS NULL THEN 0 ELSE due.rows / greatest(usual.rows, 1) END,
       'at ' || {_GOOD_TIME.format("n.due_at")} || ' about ' || due.rows || ' rows of ' || due.devices || ' devices will be erased'
  FROM (SELECT coalesce(sum(due_rows), 0)::float8 AS rows, count(DISTINCT device_id) FILTER (WHERE due_rows > 0) AS devices FROM retention_state) due
 CROSS JOIN (SELECT coalesce(max(rows), 0)::float8 AS rows FROM (
       SELECT sum(t.rows) AS rows FROM retention_runs r JOIN retention_run_tables t ON t.run_id = r.id
        WHERE r.state = 'done' AND r.started_at > now() - interval '8 days' GROUP BY r.id) runs) usual
  LEFT JOIN retention_notice n ON n.due_at < now() + interval '24 hours'""",  # noqa: S608
        texts=Texts(
            title=Sentence("much history will be erased"),
            cause=Sentence("Much more history expires than in the last week: something was kept for longer until now, or it is the first time."),
            consequence=Sentence("It is erased at the time that the detail says, and cannot be brought back."),
            action=Sentence("See `retentionPreview`. Export what is needed, or let the devices keep it for longer."),
        ),
    ),
    # Its tries an hour apart are three hours; those that wait for the next one count.
    "backups_failing": Kind(
        priority=Priority.HIGH,
        raised=2,
        cleared=0,
        measured="SELECT 'backups', failed_in_a_row, left(last_error, 500) FROM standing",
        texts=Texts(
            title=Sentence("three backups failed in a row"),
            cause=Sentence("The detail says what the last one met: no room, no rights, no `pg_dump` of the right version."),
            consequence=Sentence("What happened since the newest backup is lost with the database."),
            action=Sentence("Mend what the detail says, then press *Back up now* on the dashboard Backups, or run `ddms backup create`."),
        ),
    ),
    # Without a schedule and without a backup, somebody else makes them.
    "backup_unverified": Kind(
        priority=Priority.MEDIUM,
        raised=0,
        cleared=0,
        measured=f"""
SELECT 'backups', CASE WHEN verified_made_at IS NULL THEN extract(epoch FROM now() - backups_since) / 86400 - 7
                       ELSE extract(epoch FROM now() - verified_made_at) / 86400 - within_days END,
       CASE WHEN verified_made_at IS NOT NULL THEN 'the newest verified one is ' || verified_name || ', of ' || {_GOOD_TIME.format("verified_made_at")}
            WHEN newest_at IS NOT NULL THEN 'none of ' || backups || ' backups was ever verified' ELSE 'there is no backup' END
  FROM standing WHERE is_scheduled OR backups > 0""",  # noqa: S608
        texts=Texts(
            title=Sentence("no backup was verified for too long"),
            cause=Sentence(
                "No verification is scheduled (`verifySchedule`), they fail, the backups are encrypted and nobody verified one with the key, or there is no backup."
            ),
            consequence=Sentence("Nobody knows whether what is kept can be restored."),
            action=Sentence("Press *Verify* on the dashboard Backups, or run `ddms backup verify NAME`, and see what it says."),
        ),
    ),
    "verification_failed": Kind(
        priority=Priority.HIGH,
        raised=0,
        cleared=0,
        measured="SELECT 'backups', is_refuted::int, checked_name || ': ' || left(verify_error, 400) FROM standing WHERE is_refuted IS NOT NULL",
        texts=Texts(
            title=Sentence("a backup did not pass its verification"),
            cause=Sentence("Its file was changed or is broken, or it could not be restored here; the detail says which."),
            consequence=Sentence("That backup cannot be trusted; others of its kind perhaps neither."),
            action=Sentence("Make a new backup and verify it. If that fails too, mend what the detail says at once."),
        ),
    ),
    # Who works at something else is excused for a day.
    "backup_waiting": Kind(
        priority=Priority.HIGH,
        raised=10,
        cleared=0,
        measured=f"""
SELECT 'backups', greatest(0, coalesce(extract(epoch FROM now() - waiting_since) / 60, 0) - CASE WHEN maker_is_there THEN 1440 ELSE 0 END),
       waiting_name || ' waits since ' || {_GOOD_TIME.format("waiting_since")} FROM standing""",  # noqa: S608
        texts=Texts(
            title=Sentence("a backup waits, and nobody makes it"),
            cause=Sentence("`ddms backups` does not run, and `ddms api` has no DDMS_BACKUP_DATABASE_URL; or the one before it hangs."),
            consequence=Sentence("No backup is made or verified. What happened since the newest one is lost with the database."),
            action=Sentence("Start `ddms backups`, and look at its log."),
        ),
    ),
    # A full one is noticed before each backup, and that one fails: this tells it before.
    "backup_folder_filling": Kind(
        priority=Priority.MEDIUM,
        raised=2,
        cleared=2.5,
        measured="""
SELECT 'backups', room_for, free_bytes / 1000000 || ' MB of ' || size_bytes / 1000000 || ' MB are free in ' || directory || ', the newest backup has '
       || newest_bytes / 1000000 || ' MB' FROM standing WHERE free_bytes IS NOT NULL""",
        texts=Texts(
            title=Sentence("the folder of the backups has room for less than two more"),
            cause=Sentence("Backups grow with history, more of them are kept than fit, or something else fills the disk."),
            consequence=Sentence("Soon no backup can be made."),
            action=Sentence("Keep fewer (`backupsKept`, `backupsKeptMonthly`), remove some, or make the disk larger."),
        ),
    ),
    "backup_copy_failed": Kind(
        priority=Priority.MEDIUM,
        raised=0,
        cleared=0,
        measured="""
SELECT 'backups', (copy_error IS NOT NULL)::int, copied_name || ': ' || left(copy_error, 400) FROM standing WHERE copied_name IS NOT NULL""",
        texts=Texts(
            title=Sentence("a backup could not be copied to the second place"),
            cause=Sentence("The detail says what was met: the second folder or store is away or full, or refuses the key."),
            consequence=Sentence("If this machine is lost, so is the backup."),
            action=Sentence("Mend what the detail says; the copy is tried again by itself."),
        ),
    ),
    "webhook_failing": Kind(
        priority=Priority.MEDIUM,
        raised=600,
        cleared=0,
        measured="""
SELECT name, coalesce(extract(epoch FROM now() - failing_since), 0), left(last_error, 400) FROM webhooks WHERE enabled""",
        texts=Texts(
            title=Sentence("the webhook {} takes nothing", "{}"),
            cause=Sentence("The detail says how its target answered, or that it did not."),
            consequence=Sentence("What happens waits for it, and is given up after a day."),
            action=Sentence(
                "Mend the target, and try it by testWebhook; what was given up is sent by replayWebhookDeliveries. Disable one that is not needed."
            ),
        ),
    ),
    "mqtt_failing": Kind(
        priority=Priority.MEDIUM,
        raised=600,
        cleared=0,
        measured="""
SELECT 'mqtt', coalesce(extract(epoch FROM now() - failing_since), 0), last_error FROM mqtt WHERE seen_at > now() - interval '2 minutes'""",
        texts=Texts(
            title=Sentence("the MQTT broker takes nothing"),
            cause=Sentence("The detail says what was met: the broker is away, or refuses the name, the password or the certificate."),
            consequence=Sentence("Readings wait in the database; what is older than an hour is not published any more."),
            action=Sentence("Mend the broker or the settings DDMS_MQTT_…, and try them by `ddms mqtt`."),
        ),
    ),
    # A single one is a slip that its person reads out; several are a fault that many meet.
    "errors_unexpected": Kind(
        priority=Priority.LOW,
        raised=4,
        cleared=0,
        measured="""
SELECT 'api', count(*), 'the newest of them has the number ' || (array_agg(reference ORDER BY time DESC))[1]
  FROM errors WHERE code = 'INTERNAL' AND time > now() - interval '15 minutes'""",
        texts=Texts(
            title=Sentence("DDMS itself fails again and again"),
            cause=Sentence("A fault of DDMS, or something that it does not expect of its database; the log has it under the number."),
            consequence=Sentence("Somebody does not get what they asked for."),
            action=Sentence("See `ddms errors list` and the log of the API, and tell it to whoever makes DDMS."),
        ),
    ),
    # Raised by collectors, when the job `watch` stands still; whoever watches again clears it.
    "watch_stopped": Kind(
        priority=Priority.HIGH,
        raised=120,
        cleared=0,
        measured="SELECT 'api', 0, NULL",
        texts=Texts(
            title=Sentence("nobody watches the system"),
            cause=Sentence("The job `watch` does not run: no API runs, it cannot reach the database, or the job fails."),
            consequence=Sentence("Troubles of the system raise no alarm. Limits and devices are watched all the same."),
            action=Sentence("Start the API, and look at its log and at `jobs`."),
        ),
    ),
    "replica_lagging": Kind(
        priority=Priority.MEDIUM,
        raised=60,
        cleared=10,
        on_delay=_HALF_MINUTE,
        texts=Texts(
            title=Sentence("the replica {} of the database lags", "{}"),
            cause=Sentence(
                "The replica or the network between is down or too slow, its replay was paused, or a long query there holds it up."
            ),
            consequence=Sentence(
                "History is read from the primary, which has more to do. If the primary were lost now, so would be what the replica lacks."
            ),
            action=Sentence("Look at its log, and at pg_stat_replication on the primary: docs/replicas.md says what to do."),
        ),
    ),
    "certificate_expiring": Kind(
        priority=Priority.MEDIUM,
        raised=30,
        cleared=31,
        configured="certificate_days",
        texts=Texts(
            title=Sentence("the certificate {} expires soon", "{}"),
            cause=Sentence("It was not renewed, or the file that is watched is not the one that is renewed."),
            consequence=Sentence("When it has expired, browsers and programs refuse to connect."),
            action=Sentence("Renew it, and let who uses it read it again."),
        ),
    ),
    "certificate_expires_soon": Kind(
        priority=Priority.HIGH,
        raised=7,
        cleared=8,
        configured="certificate_soon_days",
        texts=Texts(
            title=Sentence("the certificate {} expires very soon", "{}"),
            cause=Sentence("It was not renewed, or the file that is watched is not the one that is renewed."),
            consequence=Sentence("When it has expired, browsers and programs refuse to connect."),
            action=Sentence("Renew it, and let who uses it read it again."),
        ),
    ),
}  # fmt: skip

OF_DEVICES = Texts(
    title=Sentence("{} does not answer", "{}"),
    cause=Sentence("The device is off, its line or its address is wrong, or something between here and there is broken."),
    consequence=Sentence("Nothing is read from it, and its limits are not judged."),
    action=Sentence("Look at its power and its cable. `testDevice` tells what it answers."),
)  # fmt: skip
OF_CONNECTIONS = Texts(
    title=Sentence("nothing behind {} answers", "{}"),
    cause=Sentence("The gateway is off, its network or its address is wrong, or the serial line is broken."),
    consequence=Sentence("Nothing is read from any device behind it; their alarms are suppressed by this one."),
    action=Sentence("Look at the gateway and its network first. Its devices come back with it."),
)

TEXTS: dict[tuple[str, str], Texts] = {
    ("device", "offline"): OF_DEVICES,
    ("connection", "offline"): OF_CONNECTIONS,
} | {("system", name): kind.texts for name, kind in KINDS.items()}
"""The texts by source and kind of an alarm."""
