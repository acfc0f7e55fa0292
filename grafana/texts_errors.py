"""The words of what failed."""

from grafana.texts import Words

BUTTONS = Words(
        "Your buttons that failed",
        "Grafana says of a button that failed nothing but that. Here stands why, for an hour, and the number by which whoever runs DDMS finds it.",
        "None of your buttons failed in the last hour.",
    )  # fmt: skip
LISTED = Words(
        "What failed, by its number",
        "The newest failures that people and programs were told of, with the number that they saw. `ddms errors show NUMBER` says who met it and what it was.",
        "Nothing failed in this time, as far as it is kept.",
    )  # fmt: skip
PLACES = {
    "graphql": "GraphQL",
    "websocket": "websocket",
    "events": "event stream",
    "page": "a page",
    "button": "a button",
    "export": "an export",
    "grafana": "a dashboard",
    "browser": "a browser",
    "program": "DDMS itself",
}
MUTATIONS = {
    "runJob": "Run",
    "pauseJob": "Pause",
    "resumeJob": "Resume",
    "createBackup": "Back up now",
    "verifyBackup": "Verify",
    "testDevice": "Test now",
    "acknowledgeAlarms": "Acknowledge",
    "noteAlarms": "Note",
    "shelveAlarms": "Shelve",
    "unshelveAlarms": "Unshelve",
}
"""What the button of a mutation is called."""
UNEXPECTED = "Unexpected: whoever runs DDMS finds it by the number"
COLUMNS = {
    "time": "When",
    "reference": "Number",
    "button": "Button",
    "place": "Where",
    "code": "Code",
    "message": "Why",
}
