"""The stream of a job's events: all of them once, in order, wherever it is taken up."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass

import pytest

from editor3d.run import events
from editor3d.service.http import limits
from editor3d.service.http.service import HOST
from editor3d.service.http.signing import PROOF, is_proof, signed

COUNTS = """
import time
for done in range(1, 6):
    tell("progress", what="fit", done=done, total=5, unit="steps")
with open(sys.argv[sys.argv.index("--events") + 1], "a") as file:
    file.write('no event\\n{"event": "of tomorrow"}\\n')
tell("warning", sentence="It is late.")
"""
WAITS = COUNTS + "time.sleep(60)"


@dataclass(frozen=True)
class Message:
    event: str
    id: str
    data: dict


def messages(text: bytes) -> list[Message]:
    """As a browser reads them; a comment is none."""
    found = []
    for block in text.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if fields:
            found.append(Message(fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return found


def ended(call, job: str) -> None:
    end = time.monotonic() + 20
    while call("GET", f"/v1/jobs/{job}").body["state"] not in ("done", "failed", "cancelled"):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_events_come_in_order_and_the_job_at_the_end(serve) -> None:
    call = serve(COUNTS)
    job = call.job().body["id"]
    told = messages(call("GET", f"/v1/jobs/{job}/events").body)
    *others, last = told
    lines = [one for one in others if one.event != "job"]
    assert [one.event for one in lines] == ["progress"] * 5 + ["warning"]
    assert [one.data["done"] for one in lines[:5]] == [1, 2, 3, 4, 5]
    assert events.msgspec.convert(lines[5].data, events.AnyEvent) == events.Warning(sentence="It is late.")
    assert (last.event, last.id, last.data["state"]) == ("job", "end", "done")
    assert last.data == call("GET", f"/v1/jobs/{job}").body
    assert all(one.data["state"] in ("queued", "running") for one in others if one.event == "job")


def test_a_stream_goes_on_after_the_last_event_that_came(serve) -> None:
    call = serve(COUNTS)
    job = call.job().body["id"]
    ended(call, job)
    path = f"/v1/jobs/{job}/events"
    whole = messages(call("GET", path).body)
    assert len(whole) == 7
    for number, message in enumerate(whole[:-1], start=1):
        assert messages(call("GET", path, Last_Event_ID=message.id).body) == whole[number:]
    over = call("GET", path, Last_Event_ID=whole[-1].id)
    assert (over.status, over.body) == (204, b"")


@pytest.mark.parametrize("last", ["1", "-1", "0", "x", "end ", "9" * 18, "9" * 50, "１"])
def test_an_id_of_no_event_is_refused(serve, last: str) -> None:
    call = serve(COUNTS)
    job = call.job().body["id"]
    ended(call, job)
    answer = call("GET", f"/v1/jobs/{job}/events", Last_Event_ID=last.encode().decode("latin-1"))
    assert answer.status == (204 if last.strip() == "end" else 400)
    assert call("GET", "/v1/jobs/none/events").status == 404


class Stream:
    """One that is read while the job runs."""

    def __init__(self, call, job: str) -> None:
        host, path = f"{HOST}:{call.service.port}", f"/v1/jobs/{job}/events"
        request = signed(call.service.token, "GET", path, host)
        self.connection = http.client.HTTPConnection(HOST, call.service.port, timeout=20)
        self.connection.request("GET", path, headers={"Host": host, "Authorization": request.header()})
        self.answer = self.connection.getresponse()
        self.proved = is_proof(self.answer.getheader(PROOF), call.service.token, request.nonce, self.answer.status)

    def until(self, event: str) -> bytes:
        text = b""
        while f"event: {event}\n".encode() not in text or not text.endswith(b"\n\n"):
            block = self.answer.read1()
            assert block, text
            text += block
        return text


def test_events_come_while_the_job_runs_and_a_cancelled_one_ends(serve) -> None:
    call = serve(WAITS)
    job = call.job().body["id"]
    stream = Stream(call, job)
    assert stream.proved
    assert stream.answer.getheader("Content-Type").startswith("text/event-stream")
    told = messages(stream.until("warning"))
    assert [one.data["state"] for one in told if one.event == "job"][-1] == "running"
    call("POST", f"/v1/jobs/{job}/cancel")
    assert messages(stream.answer.read())[-1].data["state"] == "cancelled"


def test_streams_end_with_the_service_and_leave_room_for_other_requests(serve, monkeypatch) -> None:
    monkeypatch.setattr(limits, "MAX_STREAMS", 2)
    call = serve(WAITS)
    job = call.job().body["id"]
    streams = [Stream(call, job) for _ in range(2)]
    for stream in streams:
        stream.until("warning")
    refused = call("GET", f"/v1/jobs/{job}/events")
    assert refused.status == 503
    streams[0].answer.close()
    streams[0].connection.close()
    end = time.monotonic() + 20
    while Stream(call, job).answer.status != 200:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert call("POST", "/v1/shutdown").status == 200
    streams[1].answer.read()  # to its end


def test_a_quiet_stream_says_that_it_is_there(serve, monkeypatch) -> None:
    monkeypatch.setattr("editor3d.service.http.stream.QUIET_SECONDS", 0.1)
    call = serve(WAITS)
    stream = Stream(call, call.job().body["id"])
    text = stream.until("warning")
    while not text.endswith(b"\n\n:\n\n"):
        text += stream.answer.read1()
    assert messages(text)[-1].event == "warning"
