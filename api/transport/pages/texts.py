"""What the pages say; a test holds the table complete in each language, and each text in use."""

from api.graphql.messages import LANGUAGE
from ddms.languages import Product, language_named

TEXTS = {
    "sign_in": "Sign in",
    "sign_out": "Sign out",
    "name": "Name",
    "password": "Password",
    "by_provider": "Sign in by {}",
    "signed_out": "You are signed out.",
    "for_programs": "For programs:",
    "not_secure": "This page came over plain http, where browsers keep no session: open it by https://{}. What you type here can be read on its way.",
    "signed_in_as": "Signed in as",
    "sign_out_question": "Sign out of this browser?",
    "owner": "owner",
    "admin": "admin",
    "viewer": "viewer",
    "start": "Start",
    "account": "Account",
    "dashboards": "Dashboards (Grafana)",
    "dashboards_hint": "Devices and readings in pictures.",
    "export": "Export",
    "export_hint": "History as CSV or Parquet.",
    "graphql": "GraphiQL",
    "graphql_hint": "Try the API, with its book.",
    "account_hint": "Password, language, where you are signed in.",
    "back": "Back to the start",
    "must_change": "Your password was given to you: choose your own one, which nobody else knows. Then all else is open.",
    "change_password": "Change the password",
    "old_password": "Password until now",
    "new_password": "New password",
    "again": "New password, again",
    "password_hint": "8 to 128 characters: four words are better than one with a 1.",
    "differ": "The two new passwords differ: type the same one twice.",
    "password_changed": "The password is changed; all other browsers of yours are signed out.",
    "provided": "{} signs you in: the password is changed there.",
    "language": "Language",
    "as_browser": "as the browser says",
    "save": "Save",
    "language_saved": "Saved.",
    "sessions": "Where you are signed in",
    "this_one": "this browser",
    "program": "a program, by name and password",
    "used": "used {}",
    "ends": "ends {}",
    "end_one": "Sign out there",
    "end_others": "Sign out everywhere else",
    "end_all": "Sign out everywhere",
    "ended": "It is signed out.",
    "outdated": "This page was too old to be believed: nothing was changed. Try again.",
    "foreign": "Another site's page sent this: nothing was done. Sign in here, if you want to.",
    "for_help": "Number for whoever helps:",
    "problem": "This did not work",
}  # fmt: skip


def text(key: str, *values: object) -> str:
    """Return a text in the language of this request."""
    return language_named(LANGUAGE.get()).text(Product.PAGES, TEXTS[key]).format(*values)
