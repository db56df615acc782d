# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP to the engine's service on this computer. Used in threads, never in Blender's own."""

import hashlib
import hmac
import http.client
import json
import secrets
import time
import urllib.parse

HOST = "127.0.0.1"


class EngineError(Exception):
    """A message for the user, in one sentence."""


class Client:
    """Speaks to one service.

    Args:
        port: where it listens on 127.0.0.1.
        token: what its state file says.
    """

    def __init__(self, port, token):
        self._port, self._token = port, token

    def call(self, method, path, body=None, kind="application/json", timeout=10.0):
        """The answer's bytes.

        Raises:
            EngineError: the service refused, and the text says why, or it does not answer.
        """
        target, host, nonce = f"/v1{path}", f"{HOST}:{self._port}", secrets.token_hex(16)
        moment, digest = f"{time.time():.3f}", hashlib.sha256(body or b"").hexdigest()
        # the token is not sent: another program may listen on the port of an engine that has ended
        signature = self._signature("request", method, target, host, moment, nonce, digest)
        signed = f"EDITOR3D-HMAC {moment}:{nonce}:{digest}:{signature}"
        headers = {"Authorization": signed, "Content-Type": kind, "Host": host}
        # no opener of urllib: that would ask the system's proxies for this computer's own address
        connection = http.client.HTTPConnection(HOST, self._port, timeout=timeout)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError("The engine does not answer.") from error
        finally:
            connection.close()
        proof = self._signature("answer", nonce, str(answer.status))
        if not hmac.compare_digest(answer.getheader("X-Editor3d-Proof", "").encode(), proof.encode()):
            raise EngineError("Something else answers in the engine's place: start the engine again.")
        if answer.status != 200:
            raise EngineError(_reason(answer.status, data))
        return data

    def _signature(self, *parts):
        """See editor3d/service/http/signing.py."""
        return hmac.new(self._token.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()

    def get(self, path, timeout=10.0):
        """JSON as Python values."""
        return json.loads(self.call("GET", path, timeout=timeout))

    def post(self, path, value=None, timeout=10.0):
        """JSON as Python values."""
        return json.loads(self.call("POST", path, json.dumps(value or {}).encode(), timeout=timeout))

    def upload(self, name, data):
        """Send a file; how a job names it."""
        path = "/uploads?" + urllib.parse.urlencode({"name": name})
        return json.loads(self.call("POST", path, data, "application/octet-stream", timeout=120.0))

    def file(self, job, name, side=None):
        """A result's bytes; see `picture` for `side`."""
        return self.call("GET", f"/jobs/{job}/files/{urllib.parse.quote(name)}{_sized(side)}", timeout=120.0)

    def picture(self, job, side=None):
        """The newest picture of a job: PNG, or PPM of at most `side` pixels high and wide. An engine of an earlier
        version knows no small ones and gives PNG all the same."""
        return self.call("GET", f"/jobs/{job}/picture{_sized(side)}")


def _sized(side):
    return "" if side is None else f"?side={side}"


def _reason(status, data):
    try:
        return str(json.loads(data)["error"])
    except (ValueError, LookupError, TypeError):
        return f"The engine refused ({status})."
