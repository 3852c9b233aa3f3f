"""`python -m app.cli` is the `busbar` command."""

from app.cli import main

main()
