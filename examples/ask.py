"""Ask one question through Busbar with the official OpenAI client.

pip install openai
BUSBAR_KEY=bb_live_… python examples/ask.py "Why is the sky blue?"
"""

import argparse
import os

from openai import APIConnectionError, APIStatusError, OpenAI

parser = argparse.ArgumentParser(description="Ask one question and print the answer.")
parser.add_argument("question", nargs="?", default="What is a busbar, in one sentence?")
parser.add_argument("--key", default=os.environ.get("BUSBAR_KEY"), help="default: $BUSBAR_KEY")
parser.add_argument("--base-url", default="http://127.0.0.1:8080/v1")
parser.add_argument("--model", default="text-prime")
args = parser.parse_args()
if not args.key:
    parser.error("no key: set BUSBAR_KEY or give --key (`busbar up` prints one)")

client = OpenAI(base_url=args.base_url, api_key=args.key)
try:
    completion = client.chat.completions.create(
        model=args.model,
        messages=[{"role": "user", "content": args.question}],
        max_tokens=300,
    )
except APIConnectionError:
    parser.exit(1, f"{args.base_url} does not answer: is `busbar up` running?\n")
except APIStatusError as refused:
    parser.exit(1, f"refused: {refused.message}\n")
print(completion.choices[0].message.content)
