"""Repeatable text: the same seed always says the same thing."""

import re
from collections.abc import Sequence
from typing import Final

from app.simulator.answers.chance import Chance

TOPIC_WORDS_MAX: Final = 6
TOPIC_CHARS_MAX: Final = 80
SCANNED_CHARS_MAX: Final = 4_000  # of a question, when looking for arithmetic
SENTENCES_MAX: Final = 6  # of eight to eleven words each, so that no answer passes 80 words
QUOTED_CHARS_MAX: Final = 4_000  # of each result of a tool

_ARITHMETIC: Final = re.compile(r"[0-9] *[-+*/^=\u00d7\u00f7] *[0-9]")

_OPENINGS: Final = (
    'On "{}":',
    'You asked about "{}".',
    'In short, for "{}":',
    'Here is my view of "{}".',
    'Taking "{}" step by step:',
    'About "{}":',
)

_SENTENCES: Final = (
    "The short version is that it depends on context.",
    "Three things matter here: the goal, time and cost.",
    "Start with the simplest version and measure it first.",
    "Most people overlook the second step, and regret it.",
    "A small example makes the difference very easy to see.",
    "The usual approach works well for the common case.",
    "Edge cases deserve a test of their own, early.",
    "It helps to write down what is already known.",
    "There are two good options, and one is cheaper.",
    "The first option is faster but harder to change.",
    "The second option is slower but easier to explain.",
    "In practice the two are combined more often than not.",
    "Nothing here is new, yet the details still matter.",
    "The evidence points in one direction, with few exceptions.",
    "A careful reader would ask where the numbers come from.",
    "That assumption holds in spring and fails by autumn.",
    "Keep the parts separate until they have to meet.",
    "The same idea appears under several names in the literature.",
    "If something breaks, look at the boundaries before the middle.",
    "One clear sentence is worth more than a long list.",
    "The trade is simple: a little memory for much speed.",
    "History offers a useful parallel, though not a perfect one.",
    "Ask someone who has done it twice, not just once.",
    "The cost grows slowly at first and then all at once.",
    "What remains is mostly a question of taste and patience.",
    "Check the result against a case you can do by hand.",
    "Everything else follows from that one decision, for better or worse.",
    "Local habits differ, so treat this as a starting point.",
    "A second pair of eyes will catch the obvious mistakes.",
    "Finally, write it so that the next person understands it.",
    "The balance between the two shifts as the scale grows.",
    "Begin where the doubt is greatest and work outward from there.",
)

_SUMS: Final = (
    "Working through it step by step, the answer is {}.",
    "Adding up the parts one by one, we get {}.",
    "After the given amounts are combined, the result is {}.",
    "Taking each quantity in turn, the total comes to {}.",
    "The numbers given lead to a final answer of {}.",
)

_QUALITIES: Final = ("amber", "bright", "calm", "distant", "early", "gentle", "narrow", "quiet")
_THINGS: Final = ("basin", "cedar", "delta", "harbor", "lantern", "meadow", "orchard", "river")


def text(chance: Chance, question: str) -> str:
    """Answer a question in 8 to 80 words; one that asks for a sum is answered with a number."""
    if _wants_a_number(question[:SCANNED_CHARS_MAX]):
        return _SUMS[chance.below(len(_SUMS))].format(chance.below(1_000))
    return " ".join(_essay(chance, question))


def thought(chance: Chance, question: str) -> str:
    """Think about a question, in one to four sentences."""
    start = chance.below(len(_SENTENCES))
    said = [_SENTENCES[(start + step) % len(_SENTENCES)] for step in range(chance.below(4))]
    return " ".join([f'They want to know about "{_topic(question)}".', *said])


def report(results: Sequence[str]) -> str:
    """Tell what tools returned, in their own words."""
    quoted = [result[:QUOTED_CHARS_MAX] or "(nothing)" for result in results]
    if len(quoted) == 1:
        return f"The tool answered: {quoted[0]}"
    lines = [f"{number}. {one}" for number, one in enumerate(quoted, 1)]
    return "\n".join(["The tools answered:", *lines])


def sight(images: int) -> str:
    """Say how many pictures were seen."""
    return "I see 1 image." if images == 1 else f"I see {images} images."


def phrase(chance: Chance, chars_max: int) -> str:
    """Say two plain words and a number, cut to `chars_max` characters."""
    quality = _QUALITIES[chance.below(len(_QUALITIES))]
    return f"{quality} {_THINGS[chance.below(len(_THINGS))]} {chance.below(100)}"[:chars_max]


def _wants_a_number(question: str) -> bool:
    lowered = question.lower()
    return (
        "solve" in lowered
        or "calculate" in lowered
        or "how many" in lowered
        or "how much" in lowered
        or _ARITHMETIC.search(question) is not None
    )


def _essay(chance: Chance, question: str) -> list[str]:
    topic = _topic(question)
    said = [_OPENINGS[chance.below(len(_OPENINGS))].format(topic)] if topic else []
    start = chance.below(len(_SENTENCES))
    # An odd stride never meets the same sentence twice, as their number is a power of two.
    stride = 1 + 2 * chance.below(len(_SENTENCES) // 2)
    steps = range(1 + chance.below(SENTENCES_MAX))
    return said + [_SENTENCES[(start + step * stride) % len(_SENTENCES)] for step in steps]


def _topic(question: str) -> str:
    return " ".join(question[: TOPIC_CHARS_MAX * 2].split()[:TOPIC_WORDS_MAX])[:TOPIC_CHARS_MAX]
