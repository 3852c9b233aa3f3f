#!/bin/sh
# Run a file of prompts as one batch: progress on stderr, answers in input order in results.jsonl.
# Interrupted? Start it again: it resumes, and submits nothing twice.
#
#   examples/batch.sh                              beside `./dev up`, whose key it finds by itself
#   BUSBAR_KEY=bb_live_… examples/batch.sh --base-url https://…          for any other gateway
set -eu
cd "$(dirname "$0")/.."
exec ./dev busbar run examples/prompts.jsonl --model text-standard --out results.jsonl "$@"
