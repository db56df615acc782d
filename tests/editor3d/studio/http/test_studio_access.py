"""Who gets into the studio: its own page with the cookie, and nobody else."""

from __future__ import annotations

import re

import pytest

from editor3d.studio.http.routes import BUNDLE, ROUTES

ASKS = [route for route in ROUTES if route.path.startswith("/studio/") and route.path != "/studio/session"]


def test_a_token_is_changed_for_a_cookie_that_scripts_and_other_sites_do_not_get(opened) -> None:
    page = opened()
    assert page("GET", "/studio/state")[0] == 401
    status, _, headers = page("POST", "/studio/session", {"token": page.studio.token})
    assert status == 200
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert page.studio.token not in cookie
    page.enter()
    status, state, _ = page("GET", "/studio/state")
    assert (status, state["entries"]) == (200, [])


@pytest.mark.parametrize("token", ["", "wrong", "é", "x" * 200])
def test_a_wrong_token_is_refused(opened, token) -> None:
    page = opened()
    status, said, headers = page("POST", "/studio/session", {"token": token})
    assert status == 401
    assert said["error"].endswith("printed last.")
    assert "set-cookie" not in headers


def test_guessing_tokens_is_slowed_down(opened) -> None:
    page = opened()
    assert [page("POST", "/studio/session", {"token": str(n)})[0] for n in range(14)][-1] == 429


@pytest.mark.parametrize("route", ASKS, ids=lambda route: route.path)
def test_every_request_needs_the_cookie(opened, route) -> None:
    page = opened()
    (method,) = set(route.methods) - {"HEAD"}
    path = re.sub(r"{\w+}", "x", route.path)
    assert page(method, path, {} if method == "POST" else None)[0] == 401
    wrong = f"{page.studio.cookie}={'0' * 64}"
    assert page(method, path, {} if method == "POST" else None, Cookie=wrong)[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Host": ""},
    ],
    ids=str,
)
def test_other_pages_and_other_names_of_the_host_are_refused_whatever_they_know(opened, headers) -> None:
    page = opened()
    page.enter()
    for method, path, body in (("POST", "/studio/open", {"path": "demo"}), ("GET", "/studio/state", None)):
        status, said, _ = page(method, path, body, **headers)
        assert status in (400, 403)
        assert "error" in said
    assert page.studio.project.state()["source"] == ""


def test_a_program_without_a_page_changes_nothing(opened) -> None:
    page = opened()
    page.enter()
    assert page("POST", "/studio/open", {"path": "demo"}, Sec_Fetch_Site="", Origin="")[0] == 403


def test_the_page_may_load_nothing_from_elsewhere(opened) -> None:
    page = opened()
    for path in ("/", "/studio/state", "/nothing"):
        policy = page("GET", path)[2]["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")  # compiles WebAssembly, runs no text
        assert not re.search(r"https?:", policy)


@pytest.mark.parametrize(
    "path", ["/../routes.py", "/%2e%2e/routes.py", "/..%2froutes.py", "/assets/../../run.py", "//etc/passwd"]
)
def test_no_path_leads_out_of_the_bundle(opened, path) -> None:
    assert opened()("GET", path)[0] == 404


def test_the_service_beside_it_still_wants_signatures(opened) -> None:
    page = opened()
    page.enter()
    for path in ("/v1/health", "/v1/jobs", "/openapi.json"):
        assert page("GET", path, Sec_Fetch_Site="")[0] == 401
        assert page("GET", path)[0] == 403


@pytest.mark.skipif(not (BUNDLE / "index.html").is_file(), reason="the page is not built: make studio")
def test_the_page_is_there_for_everyone_and_holds_nothing(opened) -> None:
    page = opened()
    status, body, headers = page("GET", "/", Sec_Fetch_Site="none")
    assert status == 200
    assert headers["content-type"].startswith("text/html")
    assert page.studio.token.encode() not in body
