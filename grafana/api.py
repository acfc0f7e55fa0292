"""The API: what is asked of it, how long that takes, what it costs, what fails, who follows, what waits."""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard

from grafana import texts
from grafana import texts_api as words
from grafana.panels import (
    API_UID,
    GREEN,
    RED,
    YELLOW,
    Place,
    column,
    link_to_fleet,
    name_columns,
    new_dashboard,
    place_panels,
    sentence,
    thresholds,
)
from grafana.prometheus import PrometheusSeries, by_labels, lines, number

SECONDS = "ddms_api_request_duration_seconds"
_WHOLE = dashboard.DynamicConfigValue("decimals", 0)
_RATE = f"sum(rate({SECONDS}_count[$__rate_interval]))"
_UNREADABLE = '(sum(rate(ddms_api_failed_operations_total{operation="unknown"}[$__rate_interval])) or vector(0))'
_FAILED = "sum(rate(ddms_api_failed_operations_total[$__rate_interval]))"


def _quantile(share: float, histogram: str, *, by: str = "le", over: str = "$__rate_interval") -> str:
    return f"histogram_quantile({share}, sum by ({by}) (rate({histogram}_bucket[{over}]))) >= 0"


def _most(expression: str) -> str:
    return f"topk(10, {expression} > 0)"


def _now() -> list[stat.Panel]:
    plain = thresholds((None, GREEN))
    return [
        number(words.RATE, Place(0, 0, 4, 4), _RATE, unit="ops", steps=plain),
        number(words.P99, Place(4, 0, 4, 4), _quantile(0.99, SECONDS), unit="s", steps=thresholds((None, GREEN), (0.25, YELLOW), (1, RED))),
        number(words.FAILED, Place(8, 0, 4, 4), f"clamp_max({_FAILED} / ({_RATE} + {_UNREADABLE} > 0), 1)", unit="percentunit", steps=thresholds((None, GREEN), (0.01, YELLOW), (0.1, RED))),
        number(words.SLOW, Place(12, 0, 4, 4), "sum(increase(ddms_api_slow_operations_total[$__range]))", unit="none", steps=thresholds((None, GREEN), (1, YELLOW))),
        number(words.IN_FLIGHT, Place(16, 0, 4, 4), "sum(ddms_api_requests_in_flight)", unit="none", steps=plain),
        number(words.SUBSCRIPTIONS, Place(20, 0, 4, 4), "sum(ddms_active_subscriptions)", unit="none", steps=plain),
    ]  # fmt: skip


def _operations(place: Place) -> table.Panel:
    by, over = "sum by (operation, name)", "[$__range]"
    shown = by_labels(
        words.OPERATIONS,
        place,
        f"{by} (increase({SECONDS}_count{over})) > 0",
        f"{by} (rate({SECONDS}_sum{over})) / ({by} (rate({SECONDS}_count{over})) > 0)",
        f"{_quantile(0.99, SECONDS, by='le, operation, name', over='$__range')}",
        f"{by} (rate(ddms_api_cost_total{over})) / ({by} (rate({SECONDS}_count{over})) > 0)",
        f"{by} (increase(ddms_api_failed_operations_total{over})) > 0",
    )
    shown.override_by_name("Time", [dashboard.DynamicConfigValue("custom.hideFrom.viz", True)])
    columns = {
        "operation": column(110),
        "name": sentence(),
        "Value #A": [*column(110, unit="locale"), _WHOLE],
        "Value #B": column(110, unit="s"),
        "Value #C": column(120, unit="s"),
        "Value #D": [*column(120, unit="locale"), _WHOLE],
        "Value #E": [*column(110, unit="locale"), _WHOLE],
    }
    return name_columns(shown, columns)


def _asked() -> list[timeseries.Panel]:
    by_name = "sum by (name) (rate({}[$__rate_interval]))"
    durations = [PrometheusSeries(_quantile(share, SECONDS), label) for share, label in ((0.5, "50 %"), (0.99, "99 %"))]
    errors = PrometheusSeries("sum by (code) (rate(ddms_api_errors_total[$__rate_interval])) > 0", "{{code}}")
    return [
        lines(words.RATES, Place(0, 4, 12, 8), PrometheusSeries(_most(by_name.format(f"{SECONDS}_count")), "{{name}}"), unit="ops"),
        lines(words.DURATIONS, Place(12, 4, 12, 8), *durations, unit="s"),
        lines(words.ERRORS, Place(0, 22, 12, 8), errors, unit="ops"),
        lines(words.COST, Place(12, 22, 12, 8), PrometheusSeries(_most(by_name.format("ddms_api_cost_total")), "{{name}}"), unit="short"),
    ]  # fmt: skip


def _live() -> list[timeseries.Panel]:
    followers = [
        PrometheusSeries(f"sum(ddms_active_{name})", label)
        for name, label in (
            ("subscriptions", "subscriptions"),
            ("broadcasts", "different ones"),
            ("websockets", "websockets"),
            ("event_streams", "event streams"),
        )
    ]
    messages = [
        PrometheusSeries(f"sum(rate(ddms_live_{name}_total[$__rate_interval]))", label)
        for name, label in (("readings", "readings"), ("messages", "messages"), ("skipped", "skipped forward"))
    ]
    lag = [
        PrometheusSeries(_quantile(share, "ddms_live_lag_seconds"), label)
        for share, label in ((0.5, "50 %"), (0.99, "99 %"))
    ]
    waiting = [
        PrometheusSeries("sum(ddms_live_queued_bytes)", "messages"),
        PrometheusSeries("sum(ddms_api_unread_bytes)", "large answers"),
    ]
    return [
        lines(words.FOLLOWERS, Place(0, 30, 12, 8), *followers, unit="none"),
        lines(words.MESSAGES, Place(12, 30, 12, 8), *messages, unit="ops"),
        lines(words.LAG, Place(0, 38, 12, 8), *lag, unit="s"),
        lines(words.WAITING, Place(12, 38, 12, 8), *waiting, unit="bytes"),
    ]


def _below() -> list[timeseries.Panel]:
    statements = "sum by (statement) (rate(ddms_database_query_duration_seconds_sum[$__rate_interval]))"
    connections = [
        PrometheusSeries("sum by (state) (ddms_database_connections)", "{{state}}"),
        PrometheusSeries("sum(ddms_database_waiting)", "operations that wait"),
    ]
    memory = PrometheusSeries('process_resident_memory_bytes{job="api"}', "{{instance}}")
    cpu = PrometheusSeries('rate(process_cpu_seconds_total{job="api"}[$__rate_interval])', "{{instance}}")
    return [
        lines(
            words.STATEMENTS,
            Place(0, 46, 12, 8),
            PrometheusSeries(_most(statements), "{{statement}}"),
            unit="percentunit",
        ),
        lines(words.CONNECTIONS, Place(12, 46, 12, 8), *connections, unit="none"),
        lines(words.MEMORY, Place(0, 54, 12, 8), memory, unit="bytes"),
        lines(words.CPU, Place(12, 54, 12, 8), cpu, unit="none"),
    ]


def api() -> dashboard.Dashboard:
    """Return the dashboard of the API."""
    board = new_dashboard(API_UID, texts.API_TITLE, texts.API_DESCRIPTION).link(link_to_fleet())
    asked = _asked()
    return place_panels(
        board, [*_now(), *asked[:2], _operations(Place(0, 12, 24, 10)), *asked[2:], *_live(), *_below()]
    )
