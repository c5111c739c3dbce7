"""The fixture `guest` of the API tests, on every engine."""

from tests.api.conftest import engine_name, guest, make_guest

__all__ = ["engine_name", "guest", "make_guest"]
