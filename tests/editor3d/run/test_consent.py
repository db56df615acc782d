"""Nothing is paid that nobody agreed to."""

from __future__ import annotations

import pytest

from editor3d.errors import ConfigError, ServiceError
from editor3d.run.consent import consent, consenting


def test_from_python_calling_is_agreeing():
    consent().require(1e6)


def test_a_command_needs_a_yes():
    with consenting(False, None) as given:
        given.ask = None
        with pytest.raises(ConfigError, match=r"paying up to \$3.00, got none: give --yes"):
            consent().require(3.0)
        asked = []
        given.ask = lambda question: bool(asked.append(question)) or True
        consent().require(3.0)
        assert asked == ["Pay up to $3.00 for it? [y/N] "]
    with consenting(True, None):
        consent().require(3.0)


def test_a_limit_is_a_yes_and_holds_for_every_request():
    with consenting(False, 1.0):
        consent().require(1.0)
        with pytest.raises(ConfigError, match=r"at most \$1.00, but this one may cost \$1.01"):
            consent().require(1.01)
        for _ in range(4):
            consent().count(0.25)
        with pytest.raises(ServiceError, match="beyond"):
            consent().count(0.01)
        consent().count(-0.25)
        consent().count(0.25)


def test_a_limit_below_zero_is_none():
    with pytest.raises(ConfigError, match="at least 0"), consenting(False, -1.0):
        pass
