"""Submit a job, let go of the connection, and collect the answer later.

pip install requests
BUSBAR_KEY=bb_live_… python examples/ask_async.py "Why is the sky blue?"
"""

import argparse
import os
import uuid

import requests

FINAL = {"succeeded", "failed", "cancelled", "expired"}

parser = argparse.ArgumentParser(description="Submit one question, then poll for its answer.")
parser.add_argument("question", nargs="?", default="What is a busbar, in one sentence?")
parser.add_argument("--key", default=os.environ.get("BUSBAR_KEY"), help="default: $BUSBAR_KEY")
parser.add_argument("--base-url", default="http://127.0.0.1:8080/v1")
parser.add_argument("--model", default="text-prime")
args = parser.parse_args()
if not args.key:
    parser.error("no key: set BUSBAR_KEY or give --key (`busbar up` prints one)")

http = requests.Session()
http.headers["Authorization"] = f"Bearer {args.key}"

# The idempotency key makes it safe to send this request again after a broken connection.
accepted = http.post(
    f"{args.base_url}/chat/completions",
    headers={"Prefer": "respond-async", "Idempotency-Key": str(uuid.uuid4())},
    json={
        "model": args.model,
        "messages": [{"role": "user", "content": args.question}],
        "max_tokens": 300,
    },
    timeout=30,
)
if accepted.status_code != requests.codes.accepted:
    parser.exit(1, f"not accepted ({accepted.status_code}): {accepted.text}\n")
job = accepted.json()
print("accepted:", job["id"])

# Each poll waits at the gateway for up to 30 s, so this loop neither spins nor misses the end.
while job["status"] not in FINAL:
    polled = http.get(f"{args.base_url}/jobs/{job['id']}", params={"wait": 30}, timeout=60)
    polled.raise_for_status()
    job = polled.json()

if job["status"] != "succeeded":
    parser.exit(1, f"{job['status']}: {job['error']}\n")
print(job["response"]["body"]["choices"][0]["message"]["content"])
print("cost:", job["cost"])
