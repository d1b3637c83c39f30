"""The served benchmark's figures as text tables."""

from typing import Any, TextIO

HEAD = (
    f"{'':<32}{'requests/s':>10}{'p50 ms':>7}{'p99 ms':>7}{'CPU µs':>7}"
    f"{'floor/s':>8}{'p50 ms':>7}{'p99 ms':>7}{'CPU µs':>7}"
    f"{'req/s ÷':>9}{'p99 ÷':>7}{'CPU ÷':>7}"
)


def print_report(found: dict[str, Any], out: TextIO) -> None:
    print(
        f"{found['customers']:,} customers × {found['items']:,} items, one worker, "
        f"{found['connections']} connections, {found['machine']['cpus']} CPUs\n\n{HEAD}",
        file=out,
    )
    for name, figures in found["routes"].items():
        print(_row(name, figures), file=out)
    print(_row("for_you, ÷ the small shop", found["sizes"]), file=out)
    for line in _rest(found):
        print(line, file=out)


def _row(name: str, figures: dict[str, Any]) -> str:
    route, floor = figures["route"], figures["floor"]
    row = f"{name:<32}{_pace(route, 10)}"
    if floor is not None:
        ratios = [figures[each] for each in ("requests_ratio", "p99_ratio", "cost_ratio")]
        row += f"{_pace(floor, 8)}{ratios[0]:>9.2f}{ratios[1]:>7.2f}{ratios[2]:>7.2f}"
    failures = route["failures"] + (floor["failures"] if floor else 0)
    return row + (f"  {failures} FAILED" if failures else "")


def _pace(pace: dict[str, Any], width: int) -> str:
    return (
        f"{pace['requests_per_second']:>{width}.0f}"
        f"{pace['p50_ms']:>7.1f}{pace['p99_ms']:>7.1f}{pace['cost_us']:>7.0f}"
    )


def _rest(found: dict[str, Any]) -> list[str]:
    swap = found["swap"]
    busiest = max(figures["route"]["generator_busy"] for figures in found["routes"].values())
    memory = [
        f"{when.replace('_', ' ')} {held['private'] - held['of_models']:.0f} MB"
        f" + {held['of_models']:.0f} MB of mapped models"
        for when, held in found["memory_mb"].items()
    ]
    seconds = [f"{each:.2f}" for each in swap["seconds_to_last_old"]]
    return [
        "",
        f"start to ready: {found['startup_seconds']:.1f} s",
        f"private memory of the worker: {', '.join(memory)}",
        f"new model of the same size: {' and '.join(seconds)} s until all answers are from it, "
        f"{swap['failures']} of {swap['requests']} requests failed, "
        f"{swap['wrong_items']} items of another version in responses, "
        f"p99 {swap['p99_ms']:.0f} ms, longest {swap['longest_ms']:.0f} ms",
        f"the load generator itself used the CPU {busiest:.0%} of the time at most",
    ]
