"""Things that an upstream keeps, such as answers, files and batches, and the calls that name them by id.

Begin with `routes.py`; `whereabouts.py` finds the instance that has a thing, `lists.py` shows each his own.
"""
