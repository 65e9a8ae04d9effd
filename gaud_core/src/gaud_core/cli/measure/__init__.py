"""What `gaud bench` is made of: calls that are timed, what is kept of them, and what is told of it."""
