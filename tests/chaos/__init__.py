"""Faults thrown at whole, real processes under load, and the proof that the books are right afterwards."""
