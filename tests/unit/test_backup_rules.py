"""Which backups are kept, what a window of samples is, how a request to a store is signed."""

from datetime import UTC, datetime, timedelta

import pytest

from ddms.backups.folder import Kept, surplus
from ddms.backups.manifest import choose_windows
from ddms.backups.s3 import signed

NOW = datetime(2026, 11, 27, 1, 30, tzinfo=UTC)


def nights(number: int, **about: dict[int, dict[str, bool]]) -> list[Kept]:
    """Return one a night, the last of them tonight; named by how many nights ago."""
    return [
        Kept(name=str(ago), made_at=NOW - timedelta(days=ago, minutes=30), **about.get(f"n{ago}", {}))
        for ago in range(number)
    ]


@pytest.mark.parametrize(
    ("newest", "monthly", "about", "stay"),
    [
        (3, 0, {}, {0, 1, 2}),
        (1, 0, {}, {0}),
        (1000, 0, {}, set(range(100))),
        (2, 1, {}, {0, 1, 26}),  # the first of November is 26 nights ago
        (2, 3, {}, {0, 1, 26, 57, 87}),  # 1 October, 1 September
        (2, 12, {}, {0, 1, 26, 57, 87, 99}),  # and the oldest there is of August
        (1, 0, {"n50": {"is_kept": True}}, {0, 50}),
        (1, 0, {"n9": {"is_verified": True}, "n30": {"is_verified": True}}, {0, 9}),
    ],
)
def test_the_newest_the_first_of_each_month_what_a_person_keeps_and_the_newest_verified_stay(
    newest, monthly, about, stay
):
    gone = surplus(nights(100, **about), newest=newest, monthly=monthly, zone="UTC", now=NOW)
    assert {str(ago) for ago in range(100)} - set(gone) == {str(ago) for ago in stay}
    assert gone == sorted(gone, key=int, reverse=True), "the oldest go first"


def test_months_are_those_of_the_site():
    late = Kept(name="late", made_at=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))  # 00:30 on 1 November in Berlin
    later = Kept(name="later", made_at=datetime(2026, 11, 1, 23, 30, tzinfo=UTC))
    newest = Kept(name="newest", made_at=NOW)
    for zone, gone in (("Europe/Berlin", ["later"]), ("UTC", ["late"])):
        assert surplus([late, later, newest], newest=1, monthly=1, zone=zone, now=NOW) == gone


def test_no_backup_is_no_surplus():
    assert surplus([], newest=3, monthly=3, zone="UTC", now=NOW) == []


@pytest.mark.parametrize(("rows", "days"), [(1, 0), (500, 3), (10_000_000, 90), (2_000_000_000, 400)])
def test_samples_begin_with_the_first_row_end_with_the_last_and_are_a_part_of_all(rows, days):
    first, last = NOW - timedelta(days=days), NOW
    windows = choose_windows(first, last, rows, 200_000)
    assert windows[0][0] <= first < windows[0][1]
    assert windows[-1][0] <= last < windows[-1][1]
    assert all(one[1] <= other[0] for one, other in zip(windows, windows[1:], strict=False))
    share = sum((end - start).total_seconds() for start, end in windows) / max(days * 86400, 1)
    assert days == 0 or rows * share < 300_000


def test_a_request_is_signed_as_amazons_example():
    signature = signed(
        "GET",
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        {
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "host": "iam.amazonaws.com",
            "x-amz-date": "20150830T123600Z",
        },
        content_sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        access_key="AKIDEXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        region="us-east-1",
        service="iam",
        moment=datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )
    assert signature.endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
