"""Settings that change while Gaud serves.

`settings_desk.py` is the way in, `road.py` the way of every change, `change.py` the change itself, and
`current.py` what is in force after it. `watch.py` looks at the file, `muster.py` at the other workers.
"""
