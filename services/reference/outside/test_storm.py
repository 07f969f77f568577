"""Two processes on one PostgreSQL, many clients: each code succeeds once, each guess counts."""

import http.client
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from database import Database
from judge import Answer, History, faults
from service import Client, Service, by_workers, users, wrong

CODES, BATCH = 40, 10
CLIENTS = 12
ATTEMPTS = 5
RIGHTS, WRONGS = 6, 10
SEED = int(os.environ.get("OTP_TEST_SEED", "1"))


@dataclass
class Code:
    """A code that was sent, and what came of the guesses at it."""

    user: int
    record: int
    digits: str
    history: History = field(default_factory=History)


Guess = tuple[Code, str]


@pytest.fixture
def pair(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[Database, list[Service]]]:
    """Return two processes of one configuration, and their database."""
    database = Database(f"otp_{request.function.__name__}")
    services = [
        Service(folder, "--database", database.url, "--migrate", name=name)
        for name in ("first", "second")
    ]
    yield database, services
    for service in services:
        if service.process.poll() is None:
            assert service.stop() == 0


def issue(services: list[Service], records: range) -> list[Code]:
    """Send a code for each record, to a user of its own, through each process in turn."""
    codes = []
    for record in records:
        service, user = services[record % len(services)], next(users)
        sent = Client(service, user).send(record)
        assert sent["status"] == 200, sent
        codes.append(Code(user, record, service.code(sent["recipient_mobile"])))
    return codes


def guesses(code: Code, rights: int, wrongs: int, chance: random.Random) -> list[Guess]:
    """Return guesses at one code, in any order."""
    some = [code.digits] * rights + [wrong(code.digits, number) for number in range(wrongs)]
    chance.shuffle(some)
    return [(code, otp) for otp in some]


def storm(
    services: list[Service], jobs: list[Guess], answered: Callable[[int], None] = lambda _: None
) -> None:
    """Let many clients guess, each by a process of its choice; `answered` hears how many are."""
    lock, count, chance = threading.Lock(), 0, random.Random(SEED)

    def play(take: Callable[[], Guess | None]) -> None:
        nonlocal count
        while job := take():
            code, otp = job
            alive = [service for service in services if service.process.poll() is None]
            answer = ask(chance.choice(alive), code, otp)
            with lock:
                code.history.answers.append(answer)
                count += 1
                answered(count)

    by_workers(CLIENTS, play, jobs)


def ask(service: Service, code: Code, otp: str) -> Answer:
    """Guess once; what is lost on the way is not asked again."""
    right = otp == code.digits
    try:
        said = Client(service, code.user).verify(code.record, otp)
    except (OSError, http.client.HTTPException):
        return Answer(right, None)
    return Answer(right, said["status"], said.get("attempts_left"))


def settle(service: Service, codes: list[Code]) -> list[str]:
    """Write down what is signed, and return the faults of all histories."""
    found = []
    for code in codes:
        told = Client(service, code.user).signature(code.record)
        assert told["status"] in (200, 404), told
        code.history.signed = told["signature_id"] if told["status"] == 200 else 0
        for fault in faults(code.history, ATTEMPTS):
            found.append(f"record {code.record}: {fault} in {code.history}")
    return found


def test_each_code_succeeds_once_and_each_guess_counts(
    pair: tuple[Database, list[Service]],
) -> None:
    print(f"seed {SEED}")
    database, services = pair
    chance = random.Random(SEED)
    made: list[Guess] = []
    # In batches: a code lives for three minutes, also on a slow machine.
    for first in range(1, CODES + 1, BATCH):
        contested = issue(services, range(first, first + BATCH))
        attacked = issue(services, range(CODES + first, CODES + first + BATCH))
        jobs = [guess for one in contested for guess in guesses(one, RIGHTS, ATTEMPTS - 1, chance)]
        jobs += [guess for code in attacked for guess in guesses(code, 0, WRONGS, chance)]
        storm(services, jobs)
        # The right code comes too late where all attempts are used up.
        storm(services, [(code, code.digits) for code in attacked])
        codes = contested + attacked
        assert [code for code in codes if None in statuses(code)] == []
        assert settle(services[0], codes) == []
        assert [code.history.signed for code in contested] == [1] * BATCH
        late = [a.status for code in attacked for a in code.history.answers if a.right]
        assert late == [423] * BATCH
        made += jobs
    assert database.records() == CODES
    assert sum(counter(service, "accepted") for service in services) == CODES
    compared = sum(counter(service, "rejected_wrong") for service in services)
    told = {id(code): code for code, _ in made}.values()
    assert compared == sum(a.left is not None for code in told for a in code.history.answers)
    print(f"figure: guesses of two processes on one PostgreSQL = {len(made)}")


def statuses(code: Code) -> list[int | None]:
    """Return the statuses that the guesses at a code had."""
    return [answer.status for answer in code.history.answers]


def counter(service: Service, event: str) -> int:
    """Return how often the engine of a process told of such an event."""
    return service.counter("otp_reference_events_total", event=event)


def test_where_one_process_is_killed_the_other_goes_on(
    pair: tuple[Database, list[Service]],
) -> None:
    print(f"seed {SEED}")
    database, services = pair
    chance = random.Random(SEED + 1)
    codes = issue(services, range(1, CODES + 1))
    contested, attacked = codes[::2], codes[1::2]
    jobs = []
    for one, other in zip(contested, attacked, strict=True):
        jobs += guesses(one, RIGHTS, ATTEMPTS - 1, chance) + guesses(other, 0, WRONGS, chance)

    def answered(count: int) -> None:
        if count == len(jobs) // 3:
            services[1].kill()

    storm(services, jobs, answered)
    survivor = services[0]
    # Whoever lost the answer asks again: the code was used up, or is still good.
    again = [(code, code.digits) for code in contested if 200 not in statuses(code)]
    for number in range(ATTEMPTS):
        again += [(code, wrong(code.digits, WRONGS + number)) for code in attacked]
    storm([survivor], again)
    storm([survivor], [(code, code.digits) for code in attacked])
    assert settle(survivor, codes) == []
    assert [code.history.signed for code in contested] == [1] * len(contested)
    assert [code.history.signed for code in attacked] == [0] * len(attacked)
    assert database.records() == len(contested)
    lost = sum(statuses(code).count(None) for code in codes)
    print(f"figure: answers lost by kill -9 of one of two processes = {lost}")
