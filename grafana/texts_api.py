"""The words of the API's dashboard, in English and Chinese."""

from grafana.texts import NO_NUMBER, NO_NUMBER_ZH, Words

_NO_METRICS = "No metrics: does Prometheus run, and does it reach the API's /metrics? (docs/monitoring.md)"
_NO_METRICS_ZH = "没有指标：Prometheus 是否在运行，能否访问 API 的 /metrics？（docs/monitoring.md）"
_ALL_EMPTY = "(If other panels are empty too: does Prometheus run, and does it reach the API?)"
_ALL_EMPTY_ZH = "（若其他面板也为空：Prometheus 是否在运行，能否访问 API？）"
_NOBODY_ASKED = f"Nobody asked anything in this time. {_ALL_EMPTY}"
_NOBODY_ASKED_ZH = f"该时段没有请求。{_ALL_EMPTY_ZH}"

RATE = (
    Words("Each second", "Queries and mutations, of all replicas together.", NO_NUMBER),
    Words("每秒操作", "查询与变更，所有副本合计。", NO_NUMBER_ZH),
)
P99 = (
    Words("99 % within", "How long queries and mutations take, but for the slowest hundredth.", NO_NUMBER),
    Words("99% 耗时", "查询与变更的耗时，不计最慢的百分之一。", NO_NUMBER_ZH),
)
FAILED = (
    Words("Failed", "Share of operations that were refused or whose answer held errors, also by a caller's own mistake.", NO_NUMBER),
    Words("失败率", "被拒绝或应答含错误的操作占比，包括调用方自身的错误。", NO_NUMBER_ZH),
)  # fmt: skip
IN_FLIGHT = (
    Words("In flight", "Operations that are being executed now, over HTTP.", NO_NUMBER),
    Words("执行中", "当前正在通过 HTTP 执行的操作。", NO_NUMBER_ZH),
)
SUBSCRIPTIONS = (
    Words("Subscriptions", "Subscriptions that are being served now.", NO_NUMBER),
    Words("订阅数", "当前正在推送的订阅。", NO_NUMBER_ZH),
)
SLOW = (
    Words("Slow", "Operations over a second, in the chosen time; each is in the log with its document's hash.", NO_NUMBER),
    Words("慢操作", "所选时段内超过一秒的操作；每个都连同其文档的散列值记入日志。", NO_NUMBER_ZH),
)  # fmt: skip
RATES = (
    Words("Operations by name", "The ten most frequent. Without a name, or without a token, an operation counts under its root field.", _NOBODY_ASKED),
    Words("各操作频率", "最频繁的十个。没有名称或没有令牌的操作按其根字段计。", _NOBODY_ASKED_ZH),
)  # fmt: skip
DURATIONS = (
    Words("Duration", "Half of the operations take at most the lower line, 99 of 100 the upper one.", _NOBODY_ASKED),
    Words("耗时", "一半的操作不超过下方的线，百分之九十九不超过上方的线。", _NOBODY_ASKED_ZH),
)
OPERATIONS = (
    Words("Operations", "Each operation in the chosen time: how often, how long, what it costs (extensions.cost), how often it failed. "
          "unknown, refused: requests without a readable document.", _NOBODY_ASKED),
    Words("操作明细", "所选时段内的每个操作：次数、耗时、开销（`extensions.cost`）、失败次数。未知、被拒绝：没有可读文档的请求。", _NOBODY_ASKED_ZH),
)  # fmt: skip
OPERATION_KINDS = {
    "query": ("query", "查询"),
    "mutation": ("mutation", "变更"),
    "subscription": ("subscription", "订阅"),
    "unknown": ("unknown", "未知"),
}
REFUSED = {"refused": ("refused", "被拒绝")}
ERRORS = (
    Words("Errors by place and code", "What callers were told: where they met it, and its code; INTERNAL is a fault of DDMS and in its log.", f"No error in this time. {_ALL_EMPTY}"),
    Words("各位置与代码的错误数", "告知调用方的错误：位置与代码；`INTERNAL` 是 DDMS 自身的故障，记于其日志。", f"该时段没有错误。{_ALL_EMPTY_ZH}"),
)  # fmt: skip
COST = (
    Words("Cost a second", "The ten operations that ask for most; a unit is one field of one object.", _NOBODY_ASKED),
    Words("每秒开销", "请求量最大的十个操作；一个单位是一个对象的一个字段。", _NOBODY_ASKED_ZH),
)
FOLLOWERS = (
    Words("Subscribers", "Subscriptions, how many of them differ (each of these is executed once), and the connections that carry them.", _NO_METRICS),
    Words("订阅者", "订阅数，其中不同的数量（每个只执行一次），以及承载它们的连接。", _NO_METRICS_ZH),
)  # fmt: skip
FOLLOWER_LINES = {
    "subscriptions": ("subscriptions", "订阅"),
    "broadcasts": ("different ones", "不同的订阅"),
    "websockets": ("websockets", "WebSocket 连接"),
    "event_streams": ("event streams", "事件流"),
}
MESSAGES = (
    Words("Messages a second", "Readings heard from the collectors, messages to subscribers, and how often one who read too slowly was skipped forward.", _NO_METRICS),
    Words("每秒消息数", "来自采集器的读数、发给订阅者的消息，以及读取过慢而被跳过的次数。", _NO_METRICS_ZH),
)  # fmt: skip
MESSAGE_LINES = {
    "readings": ("readings", "读数"),
    "messages": ("messages", "消息"),
    "skipped": ("skipped forward", "跳过"),
}
LAG = (
    Words("From reading to subscriber", "From the newest reading of a flush to the subscribers' queues. The promise for the whole way is 250 ms.",
          f"No readings came in this time: does a collector run? {_ALL_EMPTY}"),
    Words("从读数到订阅者", "从一批中最新的读数到订阅者队列。全程承诺为 250 毫秒。", f"该时段没有读数：采集器是否在运行？{_ALL_EMPTY_ZH}"),
)  # fmt: skip
WAITING = (
    Words(
        "What waits for clients",
        "Bytes of messages and of large answers that their clients have not read yet.",
        _NO_METRICS,
    ),
    Words("等待客户端读取", "客户端尚未读取的消息和大型应答的字节数。", _NO_METRICS_ZH),
)
QUEUED, UNREAD = ("messages", "消息"), ("large answers", "大型应答")
STATEMENTS = (
    Words("Time in the database", "The ten statements that take most, by the name they begin with: seconds each second.", _NO_METRICS),
    Words("数据库耗时", "耗时最多的十条语句（按语句开头的名称）：每秒占用的秒数。", _NO_METRICS_ZH),
)  # fmt: skip
CONNECTIONS = (
    Words("Connections to the database", "Connections of the pool, and operations that wait for one: more than 0 for long is too much load.", _NO_METRICS),
    Words("数据库连接", "连接池中的连接，以及等待连接的操作：长时间大于 0 即为负载过高。", _NO_METRICS_ZH),
)  # fmt: skip
CONNECTION_STATES = {"idle": ("idle", "空闲"), "busy": ("busy", "使用中")}
WAITING_OPERATIONS = ("operations that wait", "等待连接的操作")
MEMORY = (
    Words("Memory", "Resident memory of each replica.", _NO_METRICS),
    Words("内存", "每个副本的常驻内存。", _NO_METRICS_ZH),
)
CPU = (
    Words("CPU", "Cores that each replica uses; it can use one.", _NO_METRICS),
    Words("CPU 占用", "每个副本使用的核数；最多可用一个核。", _NO_METRICS_ZH),
)

_NO_EDGE = "Nobody asked through the edge in this time. (If all of these are empty: does the service `edge` run? docs/monitoring.md)"
_NO_EDGE_ZH = "该时段没有经边缘的请求。（若这些面板均为空：服务 `edge` 是否在运行？docs/monitoring.md）"
EDGE_REQUESTS = (
    Words(
        "Edge: requests a second",
        "What browsers and programs ask of nginx, by place. Health checks are not among them.",
        _NO_EDGE,
    ),
    Words("边缘：每秒请求", "浏览器与程序经 nginx 的请求（按位置），不含健康检查。", _NO_EDGE_ZH),
)
EDGE_SECONDS = (
    Words("Edge: 99 % within", "From the first byte of a request to the last of its answer, but for the slowest hundredth; without websockets.", _NO_EDGE),
    Words("边缘：99% 耗时", "从请求的第一个字节到应答的最后一个字节，不计最慢的百分之一；不含 WebSocket。", _NO_EDGE_ZH),
)  # fmt: skip
EDGE_STATUS = (
    Words("Edge: answers by status", "All answers by their HTTP status.", _NO_EDGE),
    Words("边缘：应答状态", "所有应答的 HTTP 状态码。", _NO_EDGE_ZH),
)
EDGE_REFUSED = (
    Words("Edge: refused by the limits (429)", "Requests beyond the limit of their address, by place: who they come from is in the edge's log.", f"Nobody was refused. {_NO_EDGE}"),
    Words("边缘：超出限额（429）", "超出其地址限额的请求（按位置）；来源见边缘日志。", f"没有被拒绝的请求。{_NO_EDGE_ZH}"),
)  # fmt: skip
EDGE_FAILED = (
    Words("Edge: failed (5xx)", "Answers that say that something behind the edge is away or broken, by place and status; 400 of grafana_query are panels that failed.", f"Nothing failed. {_NO_EDGE}"),
    Words("边缘：失败（500 及以上）", "表明边缘之后的服务不可用或出错的应答（按位置与状态）；`grafana_query` 的 400 为出错的面板。", f"没有失败。{_NO_EDGE_ZH}"),
)  # fmt: skip
EDGE_BYTES = (
    Words("Edge: sent", "Bytes a second to clients, by place.", _NO_EDGE),
    Words("边缘：发送量", "每秒发给客户端的字节数（按位置）。", _NO_EDGE_ZH),
)
