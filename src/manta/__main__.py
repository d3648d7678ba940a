"""``python -m manta`` is the ``manta`` command."""

from manta.app.cli import main

main()
