"""The boundary to the code of plugins: found, called, watched; whatever one does, its neighbours go on.

`plugins.py` finds them, `guard.py` stands around every call into one, and `visits.py` marks whose code runs.
`loop_watch.py` notices who holds up everybody, `blame.py` says who it is, and `conduct.py` keeps it.
"""
