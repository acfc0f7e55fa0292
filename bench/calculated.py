"""What decoding costs with calculated points and with points that registers scale: `python -m bench.calculated [--rounds N]`.

No device and no database: 1,000 answers of 10 registers are decoded, judged and computed in one flush, in turns with and without,
so that other load meets all alike; what is told is CPU time. `bench.collector
--calculated` measures the whole collector.
"""

import argparse
import statistics
import time

import numpy as np

from collector.storing.decode import MICROSECONDS, PointArrays, decode
from ddms.plan import Block, PolledPoint, RequestLimits, plan
from ddms.registers import DataType, Register, RegisterTable

DEVICES, REGISTERS = 1_000, 10
VARIANTS = {
    "10 points that are read": ("", ""),
    "9 that are read, 1 calculated": ("if(r1 > 0, r0 / r1, 0) * 100", ""),
    "10 that are read, 1 of them scaled by another": ("", "10 ** -(r1 % 3)"),
    "9 that are read, 1 calculated, each by an expression of its own": ("if(r1 > {0}, r0 / r1, 0) * 100", ""),
}


def made(expression: str, scale_by: str) -> tuple[PointArrays, list[Block]]:
    """Return the points of all devices, with the tenth of each changed."""
    arrays, blocks, calculated = PointArrays(), [], []
    for device in range(DEVICES):
        first = device * REGISTERS + 1
        registers = [
            Register(table=RegisterTable.HOLDING, address=a, data_type=DataType.UINT16) for a in range(REGISTERS)
        ]
        points = [
            PolledPoint(id=first + a, key=f"r{a}", register=one, interval_s=1) for a, one in enumerate(registers[:-1])
        ]
        none = Register(table=RegisterTable.CALCULATED, address=0, data_type=DataType.FLOAT64)
        last = PolledPoint(
            id=first + REGISTERS - 1,
            key="last",
            register=none if expression else registers[-1],
            interval_s=1,
            expression=expression.format(device),
            scale_by=scale_by,
            inputs=(first + 1, first) if expression else (first + 1,),
            input_intervals=(1, 1) if expression else (1,),
        )
        calculated += [last] if expression else []
        (poll,) = plan([*points, last], RequestLimits())
        blocks += poll.blocks
    arrays.calculate(calculated, 0)
    for block in blocks:
        block.slots = arrays.place(block.points, 1)
    return arrays, blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    plants = {label: made(*variant) for label, variant in VARIANTS.items()}
    seconds: dict[str, list[float]] = {label: [] for label in VARIANTS}
    random = np.random.default_rng(1)
    for number in range(1, rounds + 1):
        for label, (arrays, blocks) in plants.items():
            sent = random.integers(0, 255, (len(blocks), 2 * REGISTERS), np.uint8).tobytes()
            answers = [
                (block, number * MICROSECONDS + i, sent[20 * i : 20 * i + block.bytes], 0)
                for i, block in enumerate(blocks)
            ]
            start = time.process_time()
            readings = decode(answers, arrays).readings
            seconds[label].append(time.process_time() - start)
            assert len(readings) == DEVICES * REGISTERS
    print("| each of 1,000 devices has | µs CPU an answer, best round | median |\n|---|---|---|")
    for label, taken in seconds.items():
        best, median = (1e6 * one / DEVICES for one in (min(taken), statistics.median(taken)))
        print(f"| {label} | {best:.1f} | {median:.1f} |")


if __name__ == "__main__":
    main()
