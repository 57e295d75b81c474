# Sourced by run_local.sh and run_tests.sh: makes .venv beside this file and installs the project into it.
# Sets $python. Nothing else on the machine is changed.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="$root/.venv/bin/python"

find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3 python; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo 'Python 3.11 to 3.13 is needed, and none was found.' >&2
  return 1
}

# install EXTRAS: for example `install .` or `install '.[test]'`.
install() {
  if ! "$python" -c 'import setuptools' 2>/dev/null; then
    local found
    found="$(find_python)"
    echo "Setting up $root/.venv with $("$found" --version) (once, a minute or two) …" >&2
    "$found" -m venv "$root/.venv" || {
      echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2
      return 1
    }
    "$python" -m pip install --quiet --disable-pip-version-check --upgrade pip 'setuptools>=70'
  fi
  # Each time: an editable install in strict mode does not see new files by itself. With what is needed already there
  # it takes a second or two and no network.
  (cd "$root" && PYTHONWARNINGS=ignore "$python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable "$1")
}
