#!/bin/sh
# Run a file of prompts as one batch: progress on stderr, answers in input order in results.jsonl.
# Interrupted? Start it again: it resumes, and submits nothing twice.
#
#   BUSBAR_KEY=bb_live_… examples/batch.sh
set -eu
: "${BUSBAR_KEY:?set it to the key that 'busbar up' printed}"
cd "$(dirname "$0")/.."
exec busbar run examples/prompts.jsonl --model text-standard --out results.jsonl "$@"
