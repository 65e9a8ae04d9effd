"""What all tests have in common: a busy machine is slow, and that is no mistake of what is tested."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("gaud", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gaud")
