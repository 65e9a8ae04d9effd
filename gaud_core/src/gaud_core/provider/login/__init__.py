"""Logging in: by device code, in the browser, and one token for all calls that need it."""

from __future__ import annotations

from gaud_core.provider.login.answers import token_request
from gaud_core.provider.login.browser import PKCEFlow, pkce
from gaud_core.provider.login.device import DeviceFlow, device_code
from gaud_core.provider.login.provider import LoginProvider
from gaud_core.provider.login.screen import Screen
from gaud_core.provider.login.store import TokenStore
from gaud_core.provider.login.token import Token

__all__ = [
    "DeviceFlow",
    "LoginProvider",
    "PKCEFlow",
    "Screen",
    "Token",
    "TokenStore",
    "device_code",
    "pkce",
    "token_request",
]
