#!/usr/bin/env bash
# Runs the job on this machine; arguments go to it (see --help). Does all set-up on a fresh machine.
# With DF_API_KEY it uses the real API. Without, it starts an emulator of the API for the time of the run.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/set_up.sh"
install .

key="${DF_API_KEY:-}"
if [[ -n "${key//[[:space:]]/}" ]]; then
  exec "$root/.venv/bin/beam-image-edit" "$@"
fi

echo 'DF_API_KEY is not set: this is a demonstration on the emulator. Its pictures are not a model'"'"'s work.' >&2
log="$(mktemp)"
# In the background of a script it ignores Ctrl-C, which a terminal sends to all of them: the job stops by itself, and
# needs the answers to its calls in flight.
"$python" -m beam_image_edit.pipeline.emulator --port 0 >"$log" &
emulator=$!
trap 'kill "$emulator" 2>/dev/null || true; wait "$emulator" 2>/dev/null || true; rm -f "$log"' EXIT
until grep -q listening "$log"; do
  kill -0 "$emulator" || { echo 'The emulator did not start.' >&2; exit 1; }
  sleep 0.1
done

# What the emulator made must not lie where the real edits will go, unless it was said where.
output=(--cache_path ./cache_local/emulator)
for argument in "$@"; do
  case "$argument" in --cache_path | --cache_path=* | --output | --output=*) output=() ;; esac
done
DF_API_KEY=emulator DF_BASE_URL="$(sed -n 's/^listening on //p' "$log")" \
  "$root/.venv/bin/beam-image-edit" ${output[@]+"${output[@]}"} "$@"
