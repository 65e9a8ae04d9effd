"""Logins: where they come from, how they are renewed, and how a person makes one."""
