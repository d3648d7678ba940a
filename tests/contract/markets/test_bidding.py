"""The bidding client against a service like AEMO's: what it says, what it loses, what is not sent blindly."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import httpx
import msgspec
import pytest
from tests.offers import (
    BDU,
    EVENING,
    MORNING_BEFORE,
    PRICES,
    WIND,
    changed,
    energy,
    rebid,
    submission,
)
from tests.worlds import VirtualClock, virtual

from manta.domain.offer import Acknowledged, Refused, Submission, Unresolved
from manta.flows.ports import Bidding
from manta.markets.bidding import SENDINGS, AemoBidding
from manta.markets.bids import write
from manta.nemsim.bidding import PATH, BiddingService, Fault, Trouble, application

UNITS = {unit.duid: unit for unit in (BDU, WIND)}
URL = "https://aemo.example"
SHORT = timedelta(seconds=2)


class Participant:
    """One who bids: the service, a client of it, and what has been asked."""

    def __init__(self, at=MORNING_BEFORE, password="right", **given):
        self.clock = VirtualClock(at)
        self.service = BiddingService(self.clock, "MANTA", "user", "right", UNITS, **given)
        transport = httpx.ASGITransport(application(self.service), raise_app_exceptions=False)
        self.asked = []
        self.http = httpx.AsyncClient(
            transport=transport, auth=("user", password), event_hooks={"request": [self._note]}
        )
        self.bidding: Bidding = AemoBidding(
            URL, participant="MANTA", client=self.http, clock=self.clock, random=Random(1)
        )

    async def _note(self, request):
        self.asked.append(request.url.path.rpartition("/")[2])

    def fails(self, *faults):
        self.service.faults.extend(faults)

    async def posts(self, body, **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        own = {"X-initiatingParticipantID": "MANTA", "X-market": "NEM"} | given
        own = {name: value for name, value in own.items() if value}
        return await self.http.post(f"{URL}{PATH}/submitBids", content=body, headers=own)

    @property
    def sendings(self):
        return self.asked.count("submitBids")


@virtual
async def test_what_is_acknowledged_is_what_aemo_reads_back():
    desk = Participant()

    answer = await desk.bidding.submit(submission())

    assert isinstance(answer, Acknowledged)
    assert answer.submission == submission()
    assert answer.transaction == desk.service.taken[0].transaction
    assert answer.offered_at == MORNING_BEFORE
    assert desk.asked == ["submitBids", "getSubmission"]
    assert await desk.bidding.find("ref-1") == answer


@virtual
async def test_what_aemo_holds_is_shown_even_where_it_is_not_what_was_sent():
    desk = Participant()
    await desk.bidding.submit(submission())
    held = msgspec.json.decode(write(submission()))
    held["energyBids"][0]["prices"][9] = 14_000
    desk.service.taken[0] = replace(desk.service.taken[0], fields=held)

    answer = await desk.bidding.find("ref-1")

    assert answer.submission.energy[0].prices[9] == 14_000


@virtual
async def test_a_submission_that_was_never_made_is_not_found():
    assert await Participant().bidding.find("never") is None


@pytest.mark.parametrize("trouble", [Trouble.CUT, Trouble.SILENT, Trouble.BROKEN])
@pytest.mark.parametrize("shows_after", [timedelta(), SHORT])
def test_an_offer_that_was_taken_and_its_answer_lost_is_found_and_not_sent_again(trouble, shows_after):
    @virtual
    async def story():
        desk = Participant()
        desk.fails(Fault(trouble, is_taken=True, lasts=shows_after))

        answer = await desk.bidding.submit(submission())

        assert isinstance(answer, Acknowledged)
        assert desk.sendings == 1
        assert len(desk.service.taken) == 1

    story()


@pytest.mark.parametrize("trouble", [Trouble.BROKEN, Trouble.SILENT, Trouble.THROTTLED, Trouble.CUT])
def test_an_offer_that_was_not_taken_is_sent_again_once_aemo_has_said_so(trouble):
    @virtual
    async def story():
        desk = Participant()
        desk.fails(Fault(trouble))

        answer = await desk.bidding.submit(submission())

        assert isinstance(answer, Acknowledged)
        assert desk.sendings == 2
        between = desk.asked[1 : desk.asked.index("submitBids", 1)]
        assert set(between) == {"getSubmission"}
        assert len(desk.service.taken) == 1

    story()


@virtual
async def test_while_nobody_can_say_whether_it_arrived_it_is_not_sent_again():
    desk = Participant()
    desk.fails(Fault(Trouble.SILENT, is_taken=True))
    desk.fails(*[Fault(Trouble.BROKEN, operation="getSubmission")] * 4)

    answer = await desk.bidding.submit(submission())

    assert answer == Unresolved("ref-1", "getSubmission answers 500")
    assert desk.sendings == 1
    assert isinstance(await desk.bidding.find("ref-1"), Acknowledged)


@virtual
async def test_an_offer_that_aemo_took_and_does_not_show_is_not_sent_again():
    desk = Participant()
    desk.fails(Fault(Trouble.HIDDEN, lasts=timedelta(hours=1)))

    answer = await desk.bidding.submit(submission())

    assert isinstance(answer, Unresolved)
    assert "does not show it yet" in answer.because
    assert desk.sendings == 1


@virtual
async def test_a_throttled_client_waits_longer_each_time_and_gives_up():
    desk = Participant()
    desk.fails(*[Fault(Trouble.THROTTLED)] * SENDINGS)

    answer = await desk.bidding.submit(submission())

    assert isinstance(answer, Refused)
    assert "too many requests" in answer.problems[0].cause
    assert desk.sendings == SENDINGS
    assert desk.clock.now() > MORNING_BEFORE + timedelta(seconds=1)
    assert not desk.service.taken


@virtual
async def test_a_slow_answer_is_waited_for():
    desk = Participant()
    desk.fails(Fault(Trouble.SLOW, lasts=timedelta(seconds=9)))

    assert isinstance(await desk.bidding.submit(submission()), Acknowledged)
    assert desk.sendings == 1


@virtual
async def test_an_answer_slower_than_our_patience_is_looked_for():
    desk = Participant()
    desk.fails(Fault(Trouble.SLOW, lasts=timedelta(seconds=60)))

    answer = await desk.bidding.submit(submission())

    assert isinstance(answer, Acknowledged)
    assert len({taken.reference for taken in desk.service.taken}) == 1


@virtual
async def test_an_offer_that_turns_up_after_all_patience_stands_twice_and_says_the_same():
    """What asking first cannot exclude: AEMO takes it, loses the answer, and hides it longer than we look."""
    desk = Participant()
    desk.fails(Fault(Trouble.SILENT, is_taken=True, lasts=timedelta(minutes=5)))

    answer = await desk.bidding.submit(submission())

    assert isinstance(answer, Acknowledged)
    first, second = desk.service.taken
    assert (first.reference, first.fields) == (second.reference, second.fields)


@virtual
async def test_a_wrong_password_is_tried_once():
    desk = Participant(password="wrong")

    answer = await desk.bidding.submit(submission())

    assert isinstance(answer, Refused)
    assert "does not know this user" in answer.problems[0].cause
    assert desk.asked == ["submitBids"]


@virtual
async def test_what_breaks_the_rules_is_refused_with_aemos_words_and_nothing_stands():
    desk = Participant()
    wrong = submission(offers=((energy(prices=(*PRICES[:9], Decimal(22_500))),), ()))

    answer = await desk.bidding.submit(wrong)

    assert isinstance(answer, Refused)
    assert [problem.field for problem in answer.problems] == ["energybids[0].prices"]
    assert "from -966.3000 to 22418.1600" in answer.problems[0].cause
    assert "BOUNDS" in answer.problems[0].remedy
    assert await desk.bidding.find("ref-1") is None


@virtual
async def test_a_rebid_moves_amounts_and_never_prices():
    desk = Participant()
    await desk.bidding.submit(submission())
    await desk.clock.sleep_until(EVENING)
    less = replace(changed(energy(), 170, max_avail_kw=0.0), rebid=rebid())
    dearer = replace(less, prices=(*PRICES[:9], Decimal(15_001)))

    refused = await desk.bidding.submit(Submission("ref-2", (dearer,)))
    bare = await desk.bidding.submit(Submission("ref-3", (replace(less, rebid=None),)))
    taken = await desk.bidding.submit(Submission("ref-4", (less,)))

    assert "prices are locked" in refused.problems[0].cause
    assert "an explanation" in bare.problems[0].cause
    assert isinstance(taken, Acknowledged)
    assert taken.submission.energy == (less,)


@virtual
async def test_the_service_answers_as_aemo_says_it_does():
    desk = Participant(per_minute=9)
    body = write(submission())
    get = f"{URL}{PATH}/getSubmission?referenceId=ref-1"
    own = {"X-initiatingParticipantID": "MANTA", "X-market": "NEM"}

    assert (await desk.posts(body, X_market="")).status_code == 400
    assert (
        await desk.posts(body, Authorization="Basic bm9ib2R5OngK")
    ).status_code == 200  # the client's own wins
    assert (
        await httpx.AsyncClient(transport=desk.http._transport).post(f"{URL}{PATH}/submitBids")
    ).status_code == 401
    assert (await desk.http.get(f"{URL}{PATH}/getNothing", headers=own)).status_code == 404
    assert (await desk.http.get(f"{URL}{PATH}/submitBids", headers=own)).status_code == 405
    assert (await desk.posts(b"{")).status_code == 400
    assert (await desk.posts(b"{}")).status_code == 422
    found = (await desk.http.get(get, headers=own)).json()["data"]
    assert (found["status"], found["method"], found["participantId"]) == ("ACCEPTED", "API", "MANTA")
    assert found["offerTimeStamp"] == "2026-11-22T09:00:00+10:00"
    listed = (await desk.http.get(f"{URL}{PATH}/getSubmissions", headers=own)).json()["submissions"]
    assert [cover["referenceId"] for cover in listed] == ["ref-1"]
    statuses = [(await desk.http.get(get, headers=own)).status_code for _ in range(6)]
    assert statuses[-1] == 429
    await desk.clock.sleep(seconds=61)
    assert (await desk.http.get(get, headers=own)).status_code == 200
