#!/usr/bin/env python
"""Django's command line for PQ Intel."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pqintel.settings")
    from django.core.management import execute_from_command_line

    from pqintel.embedded.command import local_servers

    with local_servers():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
