"""Passwords: which are refused, what is the same, what is made."""

import pytest

from api.access import passwords
from ddms.errors import DdmsError

GOOD = ["correct horse battery staple", "纪念碑谷的猫和鱼啊", "  spaces count  ", "x7!?" * 8, "Ωmega-7-løsning"]


@pytest.mark.parametrize("password", GOOD)
def test_a_password_that_is_hard_to_guess_is_taken(password):
    assert passwords.fit(password, "Ada") == password


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short7!", "8 to 128"),
        ("x7!?" * 33, "8 to 128"),
        ("x" * 10_000_000, "8 to 128"),
        ("with a null\0", "U+0000"),
        ("with\u202edirection", "U+202E"),
        ("two\nlines of it", "U+000A"),
        ("Ada Lovelace", "the person's name"),
        ("ADALOVELACE", "the person's name"),
        ("lovelace123", "the person's name"),
        ("ａｄａ　ｌｏｖｅｌａｃｅ", "the person's name"),
        ("Lovelace Lovelace", "the person's name"),
        ("password", "commonest"),
        ("PassWord1", "commonest"),
        ("1234567890", "commonest"),
        ("aaaaaaaaaaaa", "commonest"),
    ],
)
def test_a_password_that_is_tried_first_is_refused_with_what_to_do(password, said):
    with pytest.raises(DdmsError, match=said.replace("+", r"\+")) as refused:
        passwords.fit(password, "Ada Lovelace", "new")
    assert refused.value.field == "new"


def test_the_list_holds_ten_thousand_that_are_long_enough():
    assert 9_900 <= len(passwords.common()) <= 10_000  # some differ in case only
    assert min(map(len, passwords.common())) >= passwords.LEAST


async def test_a_letter_and_its_accent_are_the_letter_with_accent():
    kept = passwords.kept(passwords.fit("Cafe\u0301 au lait", "Ada"))
    assert await passwords.verified(kept, "Café au lait")


@pytest.mark.parametrize("kept", [None, "", "no hash"])
async def test_no_password_opens_an_account_without_one(kept):
    assert not await passwords.verified(kept, "nobody has this password")


def test_one_time_passwords_fit_and_differ():
    made = {passwords.one_time() for _ in range(100)}
    assert len(made) == 100
    assert all(passwords.fit(one, "Ada") == one for one in made)


def test_what_is_kept_is_argon2id():
    assert passwords.kept("four words are better").startswith("$argon2id$")
