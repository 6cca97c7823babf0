"""Many browsers with an order open: each asks for news every few seconds, all over connections that stay."""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass
class Told:
    """What the pages saw."""

    taken: list[float] = field(default_factory=list)  # milliseconds
    wrong: int = 0

    def at(self, share: float) -> float:
        return round(sorted(self.taken)[int(len(self.taken) * share)], 1)


async def page(port: int, head: str, every: float, end: float, start: float, told: Told) -> None:
    await asyncio.sleep(start)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            writer.write(head.format(int(time.time())).encode())
            answer = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            answer = b"connection: close"  # it broke: counts as wrong
        told.taken.append((time.monotonic() - began) * 1000)
        told.wrong += not answer.startswith(b"HTTP/1.1 204")
        if b"connection: close" in answer.lower():
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(max(0, every - (time.monotonic() - began)))
    writer.close()


async def pages(
    port: int, path: str, cookie: str, seen: str, *, count: int, every: float, seconds: float
) -> Told:
    told, end = Told(), time.monotonic() + seconds
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\nX-Seen: {seen}~{{}}\r\n\r\n"
    await asyncio.gather(
        *(page(port, head, every, end, every * n / count, told) for n in range(count)),
        return_exceptions=False,
    )
    return told


def poll(port: int, path: str, cookie: str, seen: str, **how) -> Told:
    return asyncio.run(pages(port, path, cookie, seen, **how))
