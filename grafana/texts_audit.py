"""The words of the audit's dashboard."""

from grafana.texts import IF_ASKED, IF_LIMITED, Words

_IF_EMPTY = f"{IF_LIMITED} {IF_ASKED}"

NOUNS = {
    "device": "devices",
    "point": "points",
    "group": "groups",
    "profile": "profiles",
    "connection": "connections",
    "configuration": "configuration",
    "field": "asked at the field",
    "job": "jobs",
    "retention": "retention",
    "annotation": "annotations",
    "document": "documents",
}
ACTIONS = {
    "annotation.create": "annotation.create",
    "annotation.delete": "annotation.delete",
    "annotation.update": "annotation.update",
    "configuration.update": "configuration.update",
    "configuration.import": "configuration.import",
    "configuration.revert": "configuration.revert",
    "connection.update": "connection.update",
    "device.create": "device.create",
    "device.delete": "device.delete",
    "device.profile": "device.profile",
    "device.test": "device.test",
    "device.update": "device.update",
    "document.add": "document.add",
    "document.remove": "document.remove",
    "field.cancel": "field.cancel",
    "field.probe": "field.probe",
    "field.scan": "field.scan",
    "field.sunspec": "field.sunspec",
    "field.test_connection": "field.test_connection",
    "group.create": "group.create",
    "group.delete": "group.delete",
    "group.update": "group.update",
    "job.run": "job.run",
    "job.pause": "job.pause",
    "job.resume": "job.resume",
    "point.create": "point.create",
    "point.delete": "point.delete",
    "point.update": "point.update",
    "profile.create": "profile.create",
    "profile.delete": "profile.delete",
    "profile.update": "profile.update",
    "retention.run": "retention.run",
}
"""In English they are as `audit` of GraphQL and `ddms audit` have them."""
ACTORS = {"command line": "command line", "scheduler": "scheduler"}
"""Who is no person."""
CHECK_STATES = {"done": "as it was written", "failed": "broken, or not checked"}
CHECKED = Words("The record itself", "Each entry is chained to the one before by a hash; a job checks that once a day. `ddms audit verify` does it at once (docs/audit.md).",
          f"Not checked yet: the api does it when it starts, and then once a day. {_IF_EMPTY}")  # fmt: skip
BY_WHOM = Words("By whom", "Who changed something in the chosen time, by the name that was signed in or that the token has.",
          f"Nobody changed anything of this in the chosen time. {_IF_EMPTY}")  # fmt: skip
BY_KIND = Words("What was done", "How often what was done in the chosen time.", f"Nothing of this was done in the chosen time. {_IF_EMPTY}")  # fmt: skip
CHANGES = Words("Changes|list", "The newest 500 of the chosen time. What it was before and after, addresses, sign-ins, exports and accounts are for owners only: "
          "the query `audit` of GraphQL and `ddms audit show`.", f"No changes in the chosen time. {_IF_EMPTY}")  # fmt: skip
