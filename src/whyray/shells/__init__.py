"""shells: parse input, call the service, show its output. Shells do not know each other.

``cli`` is the command line. Only here may unexpected errors be caught broadly, to end in one line and an exit code.
"""
