"""`python -m ddms` is the command line too."""

from ddms.cli import main

main()
