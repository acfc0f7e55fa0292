"""The API: what is asked of it, how long that takes, what it costs, what fails, who follows, what waits."""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard

from grafana import failures, texts
from grafana import texts_api as words
from grafana.languages import Language
from grafana.panels import (
    API_UID,
    GREEN,
    RED,
    YELLOW,
    Place,
    column,
    link_languages,
    link_to_fleet,
    name_columns,
    named,
    new_dashboard,
    place_panels,
    sentence,
    thresholds,
)
from grafana.prometheus import PrometheusSeries, by_labels, lines, number

SECONDS = "ddms_api_request_duration_seconds"
EDGE_SECONDS = "ddms_edge_request_duration_seconds"
_WHOLE = dashboard.DynamicConfigValue("decimals", 0)
_RATE = f"sum(rate({SECONDS}_count[$__rate_interval]))"
_UNREADABLE = '(sum(rate(ddms_api_failed_operations_total{operation="unknown"}[$__rate_interval])) or vector(0))'
_FAILED = "sum(rate(ddms_api_failed_operations_total[$__rate_interval]))"


def _quantile(share: float, histogram: str, *, by: str = "le", over: str = "$__rate_interval") -> str:
    return f"histogram_quantile({share}, sum by ({by}) (rate({histogram}_bucket[{over}]))) >= 0"


def _most(expression: str) -> str:
    return f"topk(10, {expression} > 0)"


def _now(language: Language) -> list[stat.Panel]:
    says, plain = language.says, thresholds((None, GREEN))
    return [
        number(says(words.RATE), Place(0, 0, 4, 4), _RATE, unit="ops", steps=plain),
        number(says(words.P99), Place(4, 0, 4, 4), _quantile(0.99, SECONDS), unit="s", steps=thresholds((None, GREEN), (0.25, YELLOW), (1, RED))),
        number(says(words.FAILED), Place(8, 0, 4, 4), f"clamp_max({_FAILED} / ({_RATE} + {_UNREADABLE} > 0), 1)", unit="percentunit", steps=thresholds((None, GREEN), (0.01, YELLOW), (0.1, RED))),
        number(says(words.SLOW), Place(12, 0, 4, 4), "sum(increase(ddms_api_slow_operations_total[$__range]))", unit="none", steps=thresholds((None, GREEN), (1, YELLOW))),
        number(says(words.IN_FLIGHT), Place(16, 0, 4, 4), "sum(ddms_api_requests_in_flight)", unit="none", steps=plain),
        number(says(words.SUBSCRIPTIONS), Place(20, 0, 4, 4), "sum(ddms_active_subscriptions)", unit="none", steps=plain),
    ]  # fmt: skip


def _operations(language: Language, place: Place) -> table.Panel:
    by, over = "sum by (operation, name)", "[$__range]"
    shown = by_labels(
        language.says(words.OPERATIONS),
        place,
        f"{by} (increase({SECONDS}_count{over})) > 0",
        f"{by} (rate({SECONDS}_sum{over})) / ({by} (rate({SECONDS}_count{over})) > 0)",
        f"{_quantile(0.99, SECONDS, by='le, operation, name', over='$__range')}",
        f"{by} (rate(ddms_api_cost_total{over})) / ({by} (rate({SECONDS}_count{over})) > 0)",
        f"{by} (increase(ddms_api_failed_operations_total{over})) > 0",
    )
    shown.override_by_name("Time", [dashboard.DynamicConfigValue("custom.hideFrom.viz", True)])
    columns = {
        "operation": [*column(110), *named(language.table(words.OPERATION_KINDS))],
        "name": [*sentence(), *named(language.table(words.REFUSED))],
        "Value #A": [*column(110, unit="locale"), _WHOLE],
        "Value #B": column(110, unit="s"),
        "Value #C": column(120, unit="s"),
        "Value #D": [*column(120, unit="locale"), _WHOLE],
        "Value #E": [*column(110, unit="locale"), _WHOLE],
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _asked(language: Language) -> list[timeseries.Panel]:
    says = language.says
    by_name = "sum by (name) (rate({}[$__rate_interval]))"
    durations = [PrometheusSeries(_quantile(share, SECONDS), label) for share, label in ((0.5, "50 %"), (0.99, "99 %"))]
    errors = PrometheusSeries(
        "sum by (place, code) (rate(ddms_api_errors_total[$__rate_interval])) > 0", "{{place}}: {{code}}"
    )
    return [
        lines(says(words.RATES), Place(0, 4, 12, 8), PrometheusSeries(_most(by_name.format(f"{SECONDS}_count")), "{{name}}"), unit="ops"),
        lines(says(words.DURATIONS), Place(12, 4, 12, 8), *durations, unit="s"),
        lines(says(words.ERRORS), Place(0, 22, 12, 8), errors, unit="ops"),
        lines(says(words.COST), Place(12, 22, 12, 8), PrometheusSeries(_most(by_name.format("ddms_api_cost_total")), "{{name}}"), unit="short"),
    ]  # fmt: skip


def _live(language: Language) -> list[timeseries.Panel]:
    says = language.says
    followers = [
        PrometheusSeries(f"sum(ddms_active_{name})", says(label)) for name, label in words.FOLLOWER_LINES.items()
    ]
    messages = [
        PrometheusSeries(f"sum(rate(ddms_live_{name}_total[$__rate_interval]))", says(label))
        for name, label in words.MESSAGE_LINES.items()
    ]
    lag = [
        PrometheusSeries(_quantile(share, "ddms_live_lag_seconds"), label)
        for share, label in ((0.5, "50 %"), (0.99, "99 %"))
    ]
    waiting = [
        PrometheusSeries("sum(ddms_live_queued_bytes)", says(words.QUEUED)),
        PrometheusSeries("sum(ddms_api_unread_bytes)", says(words.UNREAD)),
    ]
    return [
        lines(says(words.FOLLOWERS), Place(0, 30, 12, 8), *followers, unit="none").decimals(0).axis_soft_max(4),
        lines(says(words.MESSAGES), Place(12, 30, 12, 8), *messages, unit="ops"),
        lines(says(words.LAG), Place(0, 38, 12, 8), *lag, unit="s"),
        lines(says(words.WAITING), Place(12, 38, 12, 8), *waiting, unit="bytes"),
    ]


def _edge(language: Language) -> list[timeseries.Panel]:
    says = language.says
    by_status = "sum by (status) (rate(ddms_edge_requests_total[$__rate_interval])) > 0"
    refused = 'sum by (place) (rate(ddms_edge_requests_total{status="429"}[$__rate_interval])) > 0'
    # Grafana answers 400 where the database could not be asked.
    panels = 'ddms_edge_requests_total{place="grafana_query", status="400"}'
    failed = f'sum by (place, status) (rate(ddms_edge_requests_total{{status=~"5.."}}[$__rate_interval]) or rate({panels}[$__rate_interval])) > 0'
    seconds = f"histogram_quantile(0.99, sum by (place, le) (rate({EDGE_SECONDS}_bucket[$__rate_interval]))) >= 0"
    shown = (
        (
            words.EDGE_REQUESTS,
            PrometheusSeries("sum by (place) (rate(ddms_edge_requests_total[$__rate_interval])) > 0", "{{place}}"),
            "reqps",
        ),
        (words.EDGE_SECONDS, PrometheusSeries(seconds, "{{place}}"), "s"),
        (words.EDGE_STATUS, PrometheusSeries(by_status, "{{status}}"), "reqps"),
        (words.EDGE_REFUSED, PrometheusSeries(refused, "{{place}}"), "reqps"),
        (words.EDGE_FAILED, PrometheusSeries(failed, "{{place}} · {{status}}"), "reqps"),
        (
            words.EDGE_BYTES,
            PrometheusSeries("sum by (place) (rate(ddms_edge_sent_bytes_total[$__rate_interval])) > 0", "{{place}}"),
            "Bps",
        ),
    )
    return [
        lines(says(text), Place(12 * (number_ % 2), 62 + 8 * (number_ // 2), 12, 8), series, unit=unit)
        for number_, (text, series, unit) in enumerate(shown)
    ]  # fmt: skip


def _below(language: Language) -> list[timeseries.Panel]:
    says = language.says
    statements = "sum by (statement) (rate(ddms_database_query_duration_seconds_sum[$__rate_interval]))"
    connections = [
        *(
            PrometheusSeries(f'sum(ddms_database_connections{{state="{state}"}})', says(label))
            for state, label in words.CONNECTION_STATES.items()
        ),
        PrometheusSeries("sum(ddms_database_waiting)", says(words.WAITING_OPERATIONS)),
    ]
    memory = PrometheusSeries('process_resident_memory_bytes{job="api"}', "{{instance}}")
    cpu = PrometheusSeries('rate(process_cpu_seconds_total{job="api"}[$__rate_interval])', "{{instance}}")
    return [
        lines(
            says(words.STATEMENTS),
            Place(0, 46, 12, 8),
            PrometheusSeries(_most(statements), "{{statement}}"),
            unit="percentunit",
            many=True,
        ),
        lines(says(words.CONNECTIONS), Place(12, 46, 12, 8), *connections, unit="none").decimals(0).axis_soft_max(4),
        lines(says(words.MEMORY), Place(0, 54, 12, 8), memory, unit="bytes"),
        lines(says(words.CPU), Place(12, 54, 12, 8), cpu, unit="percentunit"),
    ]


def _webhooks(language: Language) -> list[timeseries.Panel]:
    """Return what waits for webhooks, how old that is, and what becomes of it; each replica tells the same of the first two."""
    says = language.says
    standing = "max by (webhook) (ddms_webhook_{})"
    outcomes = [
        PrometheusSeries(
            f'sum(rate(ddms_webhook_deliveries_total{{outcome="{outcome}"}}[$__rate_interval]))', says(label)
        )
        for outcome, label in words.WEBHOOK_OUTCOMES.items()
    ]
    dead = PrometheusSeries(standing.format("dead") + " > 0", f"{{{{webhook}}}}: {says(words.WEBHOOK_DEAD)}")
    return [
        lines(says(words.WEBHOOKS_WAITING), Place(0, 95, 8, 8), PrometheusSeries(standing.format("waiting"), "{{webhook}}"), dead, unit="none").decimals(0),
        lines(says(words.WEBHOOKS_OLDEST), Place(8, 95, 8, 8), PrometheusSeries(standing.format("oldest_seconds"), "{{webhook}}"), unit="s"),
        lines(says(words.WEBHOOKS_TOLD), Place(16, 95, 8, 8), *outcomes, unit="ops"),
    ]  # fmt: skip


def api(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of the API."""
    says = language.says
    board = new_dashboard(f"{API_UID}{language.suffix}", says(texts.API_TITLE), says(texts.API_DESCRIPTION))
    link_languages(board.link(link_to_fleet(language)), API_UID, language)
    first, *others = _asked(language), _live(language), _below(language), _edge(language)
    operations = _operations(language, Place(0, 12, 24, 10))
    below = [one for each in others for one in each]
    failed = failures.newest(Place(0, 86, 24, 9), language)
    told = _webhooks(language)
    return place_panels(board, [*_now(language), *first[:2], operations, *first[2:], *below, failed, *told])
