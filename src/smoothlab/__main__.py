"""`python -m smoothlab` is the command line."""

from .cli import main

main(prog_name="smoothlab")
