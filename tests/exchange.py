"""One exchange with a server on the loopback interface, in which anything may be left out or said."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any


def exchange(
    port: int, method: str, path: str, headers: Mapping[str, str], raw: bytes | None = None
) -> tuple[int, Any, dict[str, str]]:
    """Status, body (read as JSON where it is) and headers of the answer; a header that is "" is not sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(raw)
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    is_json = answer.headers.get_content_type() == "application/json"
    return answer.status, json.loads(data) if is_json else data, dict(answer.headers)
