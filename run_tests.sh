#!/usr/bin/env bash
# Checks style and types and runs the tests; arguments go to pytest. Does all set-up on a fresh machine.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/set_up.sh"
install '.[test]'
cd "$root"
"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy
# A file's tests stay together: some share a server.
exec "$python" -m pytest --numprocesses auto --dist loadfile "$@"
