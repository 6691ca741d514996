"""Lists the tests of a run that took more than 30 s, each with its reason: `@pytest.mark.slow("why")`."""

import pytest

LIMIT_S = 30.0
WHY = "why slow"
NO_REASON = 'no reason given; write @pytest.mark.slow("why"), or make it faster'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Attach the reason to the test's reports, which other processes may make."""
    for item in items:
        for mark in item.iter_markers("slow"):
            if mark.args:
                item.user_properties.append((WHY, str(mark.args[0])))
                break


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = [report for reports in terminalreporter.stats.values() for report in reports]
    calls = [report for report in found if isinstance(report, pytest.TestReport) and report.when == "call"]
    long = sorted((report for report in calls if report.duration > LIMIT_S), key=lambda report: -report.duration)
    if long:
        terminalreporter.section(f"tests of more than {LIMIT_S:.0f} s")
    for report in long:
        why = dict(report.user_properties).get(WHY, NO_REASON)
        terminalreporter.line(f"{report.duration:.0f} s  {report.nodeid}: {why}")
