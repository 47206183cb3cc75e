#!/usr/bin/env bash
# Remakes constraints.txt and constraints-dev.txt from pyproject.toml: every package pinned, every file hashed.
# Pins stay as they are where they still fit; `make lock ARGS=--upgrade` takes the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=${UV:-.venv/bin/uv}
compile() {
    local output=$1
    shift
    "$uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --all-extras --group build --output-file "$output" "$@"
}

compile constraints.txt "$@"
compile constraints-dev.txt --group dev --constraints constraints.txt "$@"
echo "remade constraints.txt and constraints-dev.txt"
