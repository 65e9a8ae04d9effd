"""The path of a call; begin with `routes.py`.

`dispatch.py` books and sends it, `relay.py` and `whole.py` bring the answer back; `gateway.py` holds what
every call needs, and `pages.py` answers what needs no upstream. The rest is in packages, each of which
imports only from those further down:

    uploads/     calls whose body is a form
    objects/     calls that name a thing by its id, and no model
    live/        settings that change while Gaud serves
    instances/   the providers at work, and which of them a model leads to
    guests/      the boundary to the code of plugins
    client/      the way to an upstream
    dialects/    what must be known of each endpoint's words
"""
