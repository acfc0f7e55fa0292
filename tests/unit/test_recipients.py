"""Public keys of age: what is one, and what is not."""

import pytest

from ddms.backups.sealed import recipients
from ddms.errors import DdmsError

KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"  # of age's own README
OTHER = "age1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0savhh7m"


def test_keys_are_taken_once_each_without_comments_and_empty_lines():
    assert recipients(f"\n# the safe\n {KEY} \r\n{OTHER}\n{KEY}\n") == [KEY, OTHER]
    assert recipients(" \n# nobody\n") == []


@pytest.mark.parametrize(
    "wrong",
    [
        KEY[:-1], KEY[:-1] + "q", KEY.replace("z7h", "7zh"), KEY.upper(), f"{KEY} {OTHER}", "ssh-ed25519 AAAA", "age1", "é" * 62,
        KEY[:30] + "b" + KEY[31:],
    ],
)  # fmt: skip
def test_what_was_typed_wrong_or_cut_off_is_refused(wrong):
    with pytest.raises(DdmsError, match="is not a public key of age"):
        recipients(f"{OTHER}\n{wrong}")


def test_a_secret_key_is_refused_and_not_repeated():
    secret = "AGE-SECRET-KEY-1" + "Q" * 58
    with pytest.raises(DdmsError, match="this is a secret key") as refused:
        recipients(secret)
    assert "QQ" not in str(refused.value)


def test_there_are_at_most_twenty(monkeypatch):
    with pytest.raises(DdmsError, match="at most 20 recipients"):
        recipients("\n".join(f"age1{number}" for number in range(21)))
