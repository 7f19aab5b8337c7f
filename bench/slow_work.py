"""What slow requests cost the others: `uv run python bench/slow_work.py`.

Eight clients send a short request through `SessionDep` for three seconds, from one second after
the start of the slow requests, which wait for two seconds: none, or many between two units of work
of `DatabaseDep`, or ten that hold their `SessionDep`. Then eight clients read a row
through `ReaderDep`, authenticated by `db.reading()` and by the same `ReaderDep`. Prints medians
over alternating rounds.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from overload import VARIANTS, client, p99, serving_variant

ROUNDS = 5
SECONDS = 3.0
CLIENTS = 8
SLOW = {"async": 100, "sync": 20}  # in sync each needs one of 40 threads
HOLDING = 10  # there are five connections for them
SHORT = "/probe/ask?question=SELECT%201"
STEPS, HELD = "/probe/steps?seconds=2", "/probe/idle?seconds=2"
READS = [f"/probe/user-by-{way}?item_id=1" for way in ("reading", "reader")]


async def load(port: int, path: str, slow_path: str, count: int) -> list[float]:
    """Return the durations of the short requests that were served."""
    until = time.perf_counter() + SECONDS + 1
    slow = [client(port, slow_path, until, 0) for _ in range(count)]
    waiting = asyncio.gather(*slow)
    await asyncio.sleep(1 if slow else 0)
    answers = await asyncio.gather(*(client(port, path, until, 0) for _ in range(CLIENTS)))
    await waiting
    return [seconds for each in answers for code, seconds in each if code == 200]


def main() -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        for session in VARIANTS:
            with serving_variant(Path(folder), session) as service:
                port = service.base_url.port or 0
                item = {"name": "Lamp", "category": "light", "quantity": 0}
                service.post("/items", json=item).raise_for_status()
                loads = {
                    "no slow requests": ("", 0),
                    f"{SLOW[session]} between units": (STEPS, SLOW[session]),
                    f"{HOLDING} in a session": (HELD, HOLDING),
                }
                slowest: dict[str, list[float]] = {name: [] for name in loads}
                rates: list[list[int]] = [[] for _ in READS]
                for _ in range(ROUNDS):
                    for name, (path, count) in loads.items():
                        served = asyncio.run(load(port, SHORT, path, count))
                        slowest[name].append(p99(served))
                    for path, found in zip(READS, rates, strict=True):
                        found.append(len(asyncio.run(load(port, path, "", 0))))
                for name, times in slowest.items():
                    print(f"{session}, {name}: p99 {statistics.median(times) * 1000:.0f} ms")
                ratio = statistics.median(rates[0]) / statistics.median(rates[1])
                print(f"{session}, authentication by reading: {ratio:.2f} of the rate by ReaderDep")


if __name__ == "__main__":
    main()
