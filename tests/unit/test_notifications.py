"""Who is notified, from variables to files: whatever is given or missing, Grafana finds files that it takes."""

import itertools
import json

import pytest
from click.testing import CliRunner

from ddms.cli.notifications import notifications
from ddms.cli.notifying import files, quiet
from ddms.cli.notifying.wishes import VARIABLES, Contact, Wishes, read
from ddms.errors import DdmsError

GIVEN = {
    "MAIL_TO": "night@plant.example, day@plant.example",
    "WEBHOOK_URL": "https://hook.example/x",
    "TEAMS_URL": "https://teams.example/x",
    "SLACK_URL": "https://slack.example/x",
    "TELEGRAM_TOKEN": "1:2",
    "TELEGRAM_CHAT": "-100",
    "PAGERDUTY_KEY": "pa$$key",
}
TYPES = ["email", "webhook", "teams", "slack", "telegram", "pagerduty"]


def everything() -> dict[str, str]:
    contacts = {f"NOTIFY_{prefix}{name}": value for prefix in ("", "ESCALATION_") for name, value in GIVEN.items()}
    return contacts | {"NOTIFY_QUIET": "22:00-06:00; Sat-Sun", "NOTIFY_HEARTBEAT_URL": "https://beat.example/"}


def receivers(content: dict) -> dict[str, list[str]]:
    points = content["ddms_contact_points.json"]["contactPoints"]
    return {point["name"]: [one["type"] for one in point["receivers"]] for point in points}


def tree(content: dict) -> dict:
    return content["ddms_policies.json"]["policies"][0]


def all_routes(content: dict) -> list[dict]:
    return [tree(content), *tree(content)["routes"]]


def test_without_a_variable_nobody_is_notified_and_nothing_is_tried():
    content = files.contents(read(dict.fromkeys(VARIABLES, "")))
    assert receivers(content) == {"DDMS nobody": ["webhook"]}
    routes = all_routes(content)
    assert {route["receiver"] for route in routes} == {"DDMS nobody"}
    (hushed,) = routes[1:]
    assert hushed["object_matchers"] == [["alertname", "=~", ".+"]]
    (always,) = content["ddms_policies.json"]["muteTimes"]
    assert hushed["mute_time_intervals"] == [always["name"]]
    assert always["time_intervals"] == [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]


def test_with_everything_each_way_is_a_contact_point_of_both():
    content = files.contents(read(everything()))
    assert receivers(content) == {"DDMS": TYPES, "DDMS escalation": TYPES, "DDMS heartbeat": ["webhook"]}
    assert content["ddms_contact_points.json"]["deleteContactPoints"] == [{"orgId": 1, "uid": "ddms-nobody-webhook"}]
    assert content["ddms_rules.json"]["deleteRules"] == []
    assert {route["receiver"] for route in all_routes(content)} == {"DDMS", "DDMS escalation", "DDMS heartbeat"}


WAYS = [("MAIL_TO",), ("WEBHOOK_URL",), ("TEAMS_URL",), ("SLACK_URL",), ("TELEGRAM_TOKEN", "TELEGRAM_CHAT"), ("PAGERDUTY_KEY",)]  # fmt: skip


@pytest.mark.parametrize("chosen", list(itertools.product((False, True), repeat=len(WAYS))))
def test_each_combination_has_what_is_given_and_deletes_the_rest(chosen):
    named = [name for way, wanted in zip(WAYS, chosen, strict=True) if wanted for name in way]
    content = files.contents(read({f"NOTIFY_{name}": GIVEN[name] for name in named}))
    wanted = [name for name, is_wanted in zip(TYPES, chosen, strict=True) if is_wanted]
    assert receivers(content) == ({"DDMS": wanted} if wanted else {"DDMS nobody": ["webhook"]})
    deleted = {one["uid"] for one in content["ddms_contact_points.json"]["deleteContactPoints"]}
    assert {f"ddms-{way}" for way in TYPES} - deleted == {f"ddms-{way}" for way in wanted}
    assert ("ddms-nobody-webhook" in deleted) == bool(wanted)
    made = {point["name"] for point in content["ddms_contact_points.json"]["contactPoints"]}
    assert {route["receiver"] for route in all_routes(content)} <= made


def test_no_escalation_is_written_without_somebody_or_without_minutes():
    def uids(environment: dict[str, str]) -> set[str]:
        return {rule["uid"] for rule in files.contents(read(environment))["ddms_rules.json"]["groups"][0]["rules"]}

    somebody = {"NOTIFY_ESCALATION_MAIL_TO": "boss@plant.example"}
    assert "ddms-escalated" not in uids({"NOTIFY_MAIL_TO": "a@b.example"})
    assert "ddms-escalated" in uids(somebody)
    assert "ddms-escalated" not in uids(somebody | {"NOTIFY_ESCALATE_CRITICAL": "0", "NOTIFY_ESCALATE_HIGH": "0"})


def test_a_rule_that_is_not_wanted_is_deleted():
    content = files.contents(Wishes())["ddms_rules.json"]
    written = {rule["uid"] for rule in content["groups"][0]["rules"]}
    assert {one["uid"] for one in content["deleteRules"]} == set(files.RULES) - written
    assert {"ddms-escalated", "ddms-heartbeat"} == set(files.RULES) - written


def test_quiet_times_hold_for_medium_and_low_only():
    content = files.contents(read({"NOTIFY_MAIL_TO": "a@b.example", "NOTIFY_QUIET": "22:00-06:00"}))
    quieted = [route["object_matchers"] for route in all_routes(content) if route.get("mute_time_intervals")]
    assert [matchers[1][2] for matchers in quieted] == ["medium", "low"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("22:00-06:00", [("22:00", "24:00", 7), ("00:00", "06:00", 7)]),
        ("8:00-9:30", [("08:00", "09:30", 7)]),
        ("Sat-Sun", [("00:00", "24:00", 2)]),
        ("Fri-Mon 12:00-13:00", [("12:00", "13:00", 4)]),
        ("Mon,Wed 20:00-00:00; Sun", [("20:00", "24:00", 2), ("00:00", "24:00", 1)]),
    ],
)
def test_quiet_times_are_read_and_do_not_go_past_midnight(text, wanted):
    made = quiet.intervals(quiet.quiet_times(text), "Europe/Berlin")
    shown = [(one["times"][0]["start_time"], one["times"][0]["end_time"], len(one["weekdays"])) for one in made]
    assert shown == wanted
    assert {one["location"] for one in made} == {"Europe/Berlin"}


def test_the_morning_after_a_quiet_friday_night_is_a_saturday():
    late, early = quiet.intervals(quiet.quiet_times("Fri 22:00-06:00"), "UTC")
    assert (late["weekdays"], early["weekdays"]) == (["friday"], ["saturday"])


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("NOTIFY_MAIL_TO", "nobody", "no address of mail"),
        ("NOTIFY_WEBHOOK_URL", "ftp://x/y", "https://host/path"),
        ("NOTIFY_TELEGRAM_TOKEN", "1:2", "NOTIFY_TELEGRAM_CHAT is missing"),
        ("NOTIFY_ESCALATION_TELEGRAM_CHAT", "1", "NOTIFY_ESCALATION_TELEGRAM_TOKEN is missing"),
        ("NOTIFY_LANGUAGE", "de", "one of en, zh"),
        ("NOTIFY_TIME_ZONE", "Europe/Berlln", "a zone such as"),
        ("NOTIFY_TIME_ZONE", "../etc/passwd", "a zone such as"),
        ("NOTIFY_ESCALATE_HIGH", "-1", "a number of minutes"),
        ("NOTIFY_QUIET", "25:00-06:00", "no time of day"),
        ("NOTIFY_QUIET", "Someday", "no day such as"),
        ("NOTIFY_QUIET", "06:00-06:00", "begins when it ends"),
        ("NOTIFY_MAIL", "a@b.example", "is not known"),
    ],
)
def test_a_bad_variable_is_named(variable, value, says):
    with pytest.raises(DdmsError, match=says) as raised:
        read({variable: value})
    assert "NOTIFY_" in str(raised.value)


def test_secrets_come_from_a_file_whose_lines_go_before_the_variables(tmp_path):
    file = tmp_path / "secrets"
    file.write_text("# chat\n\nNOTIFY_PAGERDUTY_KEY = abc=def\nNOTIFY_MAIL_TO=a@b.example\n")
    wishes = read({"NOTIFY_SECRETS_FILE": str(file), "NOTIFY_MAIL_TO": "other@b.example"})
    assert wishes.contact == Contact(mail_to=("a@b.example",), pagerduty_key="abc=def")


def test_grafana_puts_nothing_in_place_of_a_dollar_in_a_secret():
    content = files.contents(read({"NOTIFY_PAGERDUTY_KEY": "pa$HOME"}))
    (point,) = content["ddms_contact_points.json"]["contactPoints"]
    assert point["receivers"][0]["settings"]["integrationKey"] == "pa$$HOME"


def test_the_files_are_written_as_json_and_again_over_the_old_ones(tmp_path):
    for _ in range(2):
        written = files.write(tmp_path / "alerting", read(everything()))
    assert sorted(path.name for path in (tmp_path / "alerting").iterdir()) == sorted(path.name for path in written)
    for path in written:
        assert json.loads(path.read_text())["apiVersion"] == 1


def test_the_command_says_who_is_notified_and_no_secret():
    shown = CliRunner().invoke(notifications, ["show"], env=everything()).output
    assert "mail to 2, webhook, Teams, Slack, Telegram, PagerDuty" in shown
    assert not any(secret in shown for secret in ("example", "1:2", "pa$$key"))


def test_the_command_says_when_nobody_is_notified():
    shown = CliRunner().invoke(notifications, ["show"], env=dict.fromkeys(VARIABLES, "")).output
    assert "nobody is notified" in shown


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_word_of_a_template_is_left_open(language):
    assert "«" not in str(files.contents(Wishes(language=language)))
