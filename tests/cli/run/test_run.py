"""`busbar run` against a scripted gateway, over real HTTP."""

import threading

import pytest

from app.cli.running.loop import WINDOW_LINES_MAX
from app.domain.money import parse_dollars

from .running import Place, eventually


def test_results_come_in_input_order(place: Place) -> None:
    """However the jobs end, line n of the results answers line n of the prompts."""
    place.write(1_200)
    place.gateway.looks_needed = lambda number: 1 + number * 7 % 3
    ended = place.run()
    results = place.results()
    assert ended.code == 0, ended.err
    assert [result["index"] for result in results] == list(range(1_200))
    assert [result["custom_id"] for result in results] == [f"c{n}" for n in range(1_200)]
    assert [
        result["response"]["body"]["choices"][0]["message"]["content"] for result in results
    ] == [f"re: Prompt {number}" for number in range(1_200)]


def test_a_result_line_tells_all_of_its_job(place: Place) -> None:
    """A result has the index, both ids, the status, the answer, the usage and the cost."""
    place.write(1)
    place.run()
    [result] = place.results()
    assert list(result) == [
        "index", "custom_id", "job_id", "status", "response", "error", "usage", "cost",
    ]  # fmt: skip
    assert result["job_id"].startswith("job_")
    assert (result["status"], result["error"], result["cost"]) == ("succeeded", None, "0.001")
    assert result["response"]["status_code"] == 200
    assert result["usage"] == {"input_tokens": 3, "output_tokens": 4}


def test_the_summary_is_json_when_nobody_looks(place: Place) -> None:
    """Standard output is one JSON object, money as decimal strings."""
    place.write(30)
    summary = place.run().summary
    seconds = summary.pop("session_seconds")
    assert seconds >= 0
    assert summary == {
        "lines": 30,
        "succeeded": 30,
        "failed": 0,
        "refused": 0,
        "unusable": 0,
        "cost": "0.03",
        "session_ended": 30,
        "session_cost": "0.03",
        "session_balance_before": "10.00",
        "session_balance_after": "9.97",
        "out": str(place.out),
    }


def test_rows_of_a_csv_file_fill_the_template(place: Place) -> None:
    """A file named .csv is read as rows."""
    table = place.folder / "table.csv"
    table.write_text("question,unit\nHow far?,km\nHow heavy?,kg\n")
    assert place.run("--template", "{question} In {unit}.", prompts=table).code == 0
    assert [job["body"]["messages"][0]["content"] for job in place.gateway.made] == [
        "How far? In km.",
        "How heavy? In kg.",
    ]


def test_a_row_is_found_again_by_its_id(place: Place) -> None:
    """The field `id` of a row is the custom_id of its result; the row's other fields are not."""
    table = place.folder / "table.csv"
    table.write_text("id,question\nq-7,How far?\n12,How heavy?\n")
    assert place.run("--template", "{question}", prompts=table).code == 0
    assert [result["custom_id"] for result in place.results()] == ["q-7", "12"]


def test_rows_that_share_an_id_are_told_apart_by_their_index(place: Place) -> None:
    """An `id` may repeat: both rows are sent, and both results have that custom_id."""
    table = place.folder / "table.csv"
    table.write_text("id,question\na,How far?\na,How heavy?\n")
    assert place.run("--template", "{question}", prompts=table).code == 0
    told = [(result["index"], result["custom_id"]) for result in place.results()]
    assert told == [(0, "a"), (1, "a")]
    assert len({result["job_id"] for result in place.results()}) == 2


def test_the_last_line_of_progress_has_the_last_balance(place: Place) -> None:
    """What the last results cost is taken off already."""
    place.write(30)
    ended = place.run()
    assert "30/30 done" in ended.err.splitlines()[-1]
    assert "$0.0300 spent, $9.9700 in balance" in ended.err.splitlines()[-1]


def test_a_busy_gateway_is_asked_again(place: Place) -> None:
    """Answers of 503, 429 and 500 only cost time."""
    place.write(40)
    place.gateway.statuses = [503, 429, 500, 503]
    ended = place.run()
    assert ended.code == 0, ended.err
    assert not place.gateway.statuses
    assert len(place.gateway.made) == 40


def test_failed_lines_are_grouped_and_end_with_5(place: Place) -> None:
    """The results are complete, the exit code says that some failed, and why is counted."""
    place.write(10)
    place.gateway.fails = lambda body: (
        "provider_rejected" if body["messages"][0]["content"][-1] in "258" else None
    )
    ended = place.run()
    assert ended.code == 5
    assert "3 x provider_rejected: It was provider_rejected." in ended.err
    assert (ended.summary["succeeded"], ended.summary["failed"]) == (7, 3)
    assert [result["index"] for result in place.results() if result["error"]] == [2, 5, 8]


def test_a_run_out_of_balance_ends_with_6_and_can_be_resumed(place: Place) -> None:
    """It says how much is missing and how to deposit; after that the same command goes on."""
    place.write(20)
    place.gateway.balance = parse_dollars("0.005")
    ended = place.run()
    assert ended.code == 6
    assert "15 of 20 lines are not done, $0.0000 in balance" in ended.err
    assert "about $0.0150 is missing" in ended.err
    assert "busbar deposit ACCOUNT AMOUNT" in ended.err
    place.gateway.balance = parse_dollars("1")
    assert place.run().code == 0
    assert len(place.results()) == len(place.gateway.made) == 20


def test_a_run_told_to_wait_for_balance_goes_on_after_a_deposit(place: Place) -> None:
    """--wait-for-balance keeps looking until the money is there."""
    place.write(8)
    place.gateway.balance = 0

    def deposit() -> None:
        if eventually(lambda: place.gateway.asked["/v1/jobs"] >= 3):
            place.gateway.balance = parse_dollars("1")

    depositor = threading.Thread(target=deposit)
    depositor.start()
    ended = place.run("--wait-for-balance")
    depositor.join()
    assert ended.code == 0, ended.err
    assert len(place.results()) == 8


def test_the_window_has_an_end(place: Place) -> None:
    """However long the file, no more lines are submitted ahead than the window holds."""
    place.write(WINDOW_LINES_MAX + 1_500)
    ended = place.run()
    assert ended.code == 0, ended.err
    assert len(place.results()) == WINDOW_LINES_MAX + 1_500
    assert place.gateway.unfinished_max <= WINDOW_LINES_MAX


def test_jobs_behind_a_slow_front_are_seen(place: Place) -> None:
    """A hundred slow jobs in front do not hide that the others are over."""
    place.write(900)
    slow = 8
    place.gateway.looks_needed = lambda number: slow if number < 100 else 1
    seen_before_the_front = 0

    def fails(body: dict[str, object]) -> None:
        nonlocal seen_before_the_front
        if max(place.gateway.looks.values()) < slow:
            seen_before_the_front += 1

    place.gateway.fails = fails
    assert place.run().code == 0
    assert seen_before_the_front == 800


def test_an_output_of_somebody_else_is_kept(place: Place) -> None:
    """A file that this run has not written is replaced only on demand."""
    place.write(2)
    place.out.write_text("precious")
    ended = place.run()
    assert ended.code == 2
    assert "--fresh replaces it, another --out keeps it" in ended.err
    assert place.out.read_text() == "precious"
    assert place.run("--fresh").code == 0
    assert len(place.results()) == 2


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--template", "{q.x}"], "is not just the name of a field"),
        (["--format", "csv"], "rows of a CSV file need --template"),
        (["--out", "missing/results.jsonl"], "missing is no directory"),
        (["--base-url", "localhost:8080"], "is not a base URL like http://127.0.0.1:8080"),
        (["--key", "bb live"], "the API key holds characters no key has"),
    ],
)
def test_flags_that_make_no_sense_end_with_2(place: Place, more: list[str], says: str) -> None:
    """Each says what would make sense."""
    place.write(1)
    ended = place.run(*more)
    assert ended.code == 2
    assert says in ended.err
    assert not place.gateway.asked


def test_an_empty_file_ends_with_2(place: Place) -> None:
    """Nothing to do is a mistake worth telling."""
    place.prompts.write_text("\n")
    ended = place.run()
    assert (ended.code, ended.err) == (2, f"busbar: {place.prompts} holds no requests\n")
