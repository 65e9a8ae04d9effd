"""The providers at work, one instance for each section of the configuration.

`instance.py` is one of them, `crew.py` makes and ends them, `supervise.py` keeps what is known of each fresh;
`registry.py` tells which of them a model's name leads to.
"""
