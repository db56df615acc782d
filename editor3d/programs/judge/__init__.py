"""How near a picture is to what was asked for."""
