"""What the wall of a control room says: few words, since they are read from afar."""

from grafana.texts import Words

DESCRIPTION = "A page of the wall screen, to be read from five metres: open /wall, which turns the pages and says when they are old."
PLANT_TITLE = "Does the plant run?"
ALARMS_TITLE = "What needs somebody?"
GROUPS_TITLE = "Where is it?"
VALUES_TITLE = "What are the values?"

# What stands there when a question failed. What is merely empty says so by its SQL.
_NO_ANSWER = "No answer from the database"

COUNTS = Words("Devices", "How many devices are in each state; coloured where it is not as it should be.", _NO_ANSWER)
ALARMS = Words("Alarms", "Alarms that stand and nobody acknowledged yet, by priority; and how many are acknowledged.", _NO_ANSWER)  # fmt: skip
OFFLINE = Words("Gone last", "The five devices that stopped answering last, and how long ago.", _NO_ANSWER)
FRESH = Words("Data", "How old the newest reading of the plant is: yellow after 30 seconds, red after two minutes.",
          "No readings yet: start `ddms collector`")  # fmt: skip
NEWEST = Words("Not acknowledged", "The eight worst alarms that nobody acknowledged, the newest of each priority first.", _NO_ANSWER)  # fmt: skip
GROUPS = Words("Groups", "Each group by its worst alarm, else by its worst device; grey is as it should be. Of more than 24 groups the worst.", _NO_ANSWER)  # fmt: skip
VALUES = Words("Values", "The chosen points (/wall?points=12,15), at most 8; without a choice the first that have limits. Coloured while an alarm stands.", _NO_ANSWER)  # fmt: skip
POINTS = ("Points", "The points shown; without a choice those that have limits")
NO_DEVICES = "No devices yet: `ddms devices import plant.csv`"
ALL_ANSWER = "All devices answer"
NO_LIMITS = "No limits yet: columns limit and threshold of `ddms devices import plant.csv`"
CALM = "No alarm waits for anybody"
NO_GROUPS = "No groups yet: make one with the createGroup mutation"
NO_VALUES = "No points have limits yet: choose points in the address, /wall?points=12,15"
GONE = "gone for "
NOW = "now "
OFFLINE_OF = " offline of "
ERROR_OF = " with errors of "
UNKNOWN_OF = " not read of "
FINE = "all well"
COLUMNS = {"newest_reading": "Newest reading"}
