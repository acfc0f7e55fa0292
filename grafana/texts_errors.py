"""The words of what failed, in English and Chinese."""

from grafana.texts import Words

BUTTONS = (
    Words(
        "Your buttons that failed",
        "Grafana says of a button that failed nothing but that. Here stands why, for an hour, and the number by which whoever runs DDMS finds it.",
        "None of your buttons failed in the last hour.",
    ),
    Words("您未成功的操作", "按钮操作失败时，页面只提示失败。这里显示一小时内的原因，以及供 DDMS 负责人查找的报障编号。", "最近一小时内您的操作均已成功。"),
)  # fmt: skip
LISTED = (
    Words(
        "What failed, by its number",
        "The newest failures that people and programs were told of, with the number that they saw. `ddms errors show NUMBER` says who met it and what it was.",
        "Nothing failed in this time, as far as it is kept.",
    ),
    Words("故障及其编号", "最近告知用户和程序的故障，附其看到的报障编号。`ddms errors show 编号` 可查看详情。", "该时段没有故障记录。"),
)  # fmt: skip
PLACES = {
    "graphql": ("GraphQL", "GraphQL"),
    "websocket": ("websocket", "WebSocket"),
    "events": ("event stream", "事件流"),
    "page": ("a page", "页面"),
    "button": ("a button", "按钮"),
    "export": ("an export", "导出"),
    "grafana": ("a dashboard", "仪表板"),
    "browser": ("a browser", "浏览器"),
    "program": ("DDMS itself", "DDMS 自身"),
}
COLUMNS = {
    "time": ("When", "时间"),
    "reference": ("Number", "报障编号"),
    "place": ("Where", "位置"),
    "code": ("Code", "代码"),
    "message": ("Why", "原因"),
}
