"""The live stream: what goes into NOTIFY payloads comes out the same."""

import numpy as np

from ddms.stream import READING, Flush, Unpacker, pack


def flush(count: int, texts: dict[int, str] | None = None, collector: str = "line:1") -> Flush:
    readings = np.zeros(count, READING)
    readings["point_id"] = np.arange(count)
    readings["value"] = np.linspace(-1e9, 1e9, count) if count else []
    return Flush(collector=collector, sequence=7, readings=readings, texts=texts or {})


def test_a_large_flush_survives_the_journey_in_small_payloads():
    sent = flush(10_000, {5: "Füllstand " * 20, 6: "气" * 125})
    payloads = pack(sent)
    assert max(len(p.encode()) for p in payloads) < 8_000
    unpacker = Unpacker()
    *early, whole = [unpacker.feed(p) for p in payloads]
    assert early == [None] * len(early)
    assert whole.collector == "line:1"
    assert whole.sequence == 7
    assert whole.texts == sent.texts
    assert (whole.readings == sent.readings).all()


def test_many_long_texts_are_spread_over_payloads():
    payloads = pack(flush(0, dict.fromkeys(range(500), "x" * 250)))
    assert max(len(p) for p in payloads) < 8_000
    unpacker = Unpacker()
    assert len([unpacker.feed(p) for p in payloads][-1].texts) == 500


def test_an_empty_flush_is_one_payload():
    (payload,) = pack(flush(0))
    assert len(Unpacker().feed(payload).readings) == 0


def test_a_flush_that_began_before_we_listened_is_dropped_whole():
    payloads = pack(flush(1_000))
    unpacker = Unpacker()
    assert [unpacker.feed(p) for p in payloads[1:]] == [None] * (len(payloads) - 1)
    assert [unpacker.feed(p) for p in payloads][-1] is not None


def test_flushes_of_two_collectors_do_not_mix():
    one, two = pack(flush(500, collector="a")), pack(flush(300, collector="b"))
    unpacker = Unpacker()
    whole = [f for pair in zip(one, two, strict=False) for p in pair if (f := unpacker.feed(p))]
    whole += [f for p in one[len(two) :] if (f := unpacker.feed(p))]
    assert sorted((f.collector, len(f.readings)) for f in whole) == [("a", 500), ("b", 300)]
