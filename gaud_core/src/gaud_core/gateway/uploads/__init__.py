"""Calls whose body is a form: on their way to the upstream while they come, files never looked into.

Begin with `routes.py`; `upload.py` is the body on its way, `form.py` finds the few fields that matter.
"""
