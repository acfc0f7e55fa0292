"""Which statements the API under test has run."""

from api.ground.metrics import REGISTRY

BY_ITSELF = {"heartbeat", "read_directory", "read_newest", "read_states", "count_states", "mark_token_used"} | {
    *("interrupt_jobs", "read_site_of_jobs", "schedule_job", "read_asked_job", "tell_due_job"),  # the scheduler
    *("read_heard", "read_journal_position", "read_alarm_events_since", "read_places_of_devices", "read_shown_alarms"),
    *("keep_failures", "trim_failures"),  # the list of failures: what was refused goes there a second later
}


def statements() -> dict[str, float]:
    """How often the API has run which statement, without those that it runs by itself."""
    samples = (sample for family in REGISTRY.collect() for sample in family.samples)
    return {
        s.labels["statement"]: s.value
        for s in samples
        if s.name == "ddms_database_query_duration_seconds_count" and s.labels["statement"] not in BY_ITSELF
    }
