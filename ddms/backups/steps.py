"""What is to be done after a restore: to switch the programs over to the new database, and back."""

PASSWORDS = "On a new server, or where roles were made: ddms migrate, with DDMS_APP_PASSWORD and DDMS_GRAFANA_PASSWORD, gives them their passwords."
PEOPLE = "A person whose password is lost: ddms users reset-password NAME. Everybody signs in again; people and keys that were removed since the backup are there again: ddms users list, ddms token list."


def steps(live: str, restored: str) -> list[str]:
    """Return the steps, one a line; with the name of the one in use there is nothing to switch, as on a new server."""
    if live == restored:
        return [PASSWORDS, "Start the programs. Then look: ddms doctor", PEOPLE]
    old = f"{live}_before"
    return [
        f"Look at it first: DDMS_DATABASE_URL=…/{restored} ddms doctor",
        f"Switch over: ddms backup switch {restored}   (renames {live} to {old} and {restored} to {live}, at once; every program goes on by itself, collectors keep what they read meanwhile in their spools and store it then, each reading once)",
        PASSWORDS,
        PEOPLE,
        f"Back: ddms backup switch {old} --old-name {restored}   (what was stored in between stays in {restored})",
        f"When you are sure: DROP DATABASE {old}",
    ]
