"""The words of the audit's dashboard, in English and Chinese."""

from grafana.texts import IF_ASKED, IF_ASKED_ZH, IF_LIMITED, IF_LIMITED_ZH, Words

_IF_EMPTY, _IF_EMPTY_ZH = f"{IF_LIMITED} {IF_ASKED}", f"{IF_LIMITED_ZH}{IF_ASKED_ZH}"

NOUNS = {
    "device": ("devices", "设备"),
    "point": ("points", "测点"),
    "group": ("groups", "分组"),
    "profile": ("profiles", "设备模板"),
    "connection": ("connections", "连接"),
    "configuration": ("configuration", "配置"),
    "field": ("asked at the field", "现场查询"),
    "job": ("jobs", "任务"),
    "retention": ("retention", "数据保留"),
    "document": ("documents", "文档"),
}
ACTIONS = {
    "configuration.update": ("configuration.update", "修改配置"),
    "configuration.import": ("configuration.import", "导入配置"),
    "configuration.revert": ("configuration.revert", "恢复配置"),
    "connection.update": ("connection.update", "修改连接"),
    "device.create": ("device.create", "添加设备"),
    "device.delete": ("device.delete", "删除设备"),
    "device.profile": ("device.profile", "更换设备模板"),
    "device.test": ("device.test", "测试设备"),
    "device.update": ("device.update", "修改设备"),
    "document.add": ("document.add", "登记文档"),
    "document.remove": ("document.remove", "移除文档"),
    "field.cancel": ("field.cancel", "取消扫描"),
    "field.probe": ("field.probe", "试读寄存器"),
    "field.scan": ("field.scan", "扫描端点"),
    "field.test_connection": ("field.test_connection", "测试连接"),
    "group.create": ("group.create", "建立分组"),
    "group.delete": ("group.delete", "删除分组"),
    "group.update": ("group.update", "修改分组"),
    "job.run": ("job.run", "立即运行任务"),
    "job.pause": ("job.pause", "暂停任务"),
    "job.resume": ("job.resume", "恢复任务"),
    "point.create": ("point.create", "添加测点"),
    "point.delete": ("point.delete", "删除测点"),
    "point.update": ("point.update", "修改测点"),
    "profile.create": ("profile.create", "建立设备模板"),
    "profile.delete": ("profile.delete", "删除设备模板"),
    "profile.update": ("profile.update", "修改设备模板"),
    "retention.run": ("retention.run", "立即清除过期数据"),
}
"""In English they are as `audit` of GraphQL and `ddms audit` have them."""
ACTORS = {"command line": ("command line", "命令行"), "scheduler": ("scheduler", "定时任务")}
"""Who is no person."""
CHECK_STATES = {"done": ("as it was written", "与写入时一致"), "failed": ("broken, or not checked", "已损坏或未检查")}
CHECKED = (
    Words("The record itself", "Each entry is chained to the one before by a hash; a job checks that once a day. `ddms audit verify` does it at once (docs/audit.md).",
          f"Not checked yet: the api does it when it starts, and then once a day. {_IF_EMPTY}"),
    Words("审计记录本身", "每个条目都以散列值与前一条相连；由任务每天检查一次。`ddms audit verify` 可立即检查（docs/audit.md）。", f"尚未检查：API 启动时检查一次，之后每天一次。{_IF_EMPTY_ZH}"),
)  # fmt: skip
BY_WHOM = (
    Words("By whom", "Who changed something in the chosen time, by the name that was signed in or that the token has.",
          f"Nobody changed anything of this in the chosen time. {_IF_EMPTY}"),
    Words("按操作人", "所选时段内做过更改的人，按登录名或令牌名。", f"所选时段内没有人更改过这些对象。{_IF_EMPTY_ZH}"),
)  # fmt: skip
BY_KIND = (
    Words("What was done", "How often what was done in the chosen time.", f"Nothing of this was done in the chosen time. {_IF_EMPTY}"),
    Words("按操作", "所选时段内各类操作的次数。", f"所选时段内没有这些操作。{_IF_EMPTY_ZH}"),
)  # fmt: skip
CHANGES = (
    Words("Changes", "The newest 500 of the chosen time. What it was before and after, addresses, sign-ins, exports and accounts are for owners only: "
          "the query `audit` of GraphQL and `ddms audit show`.", f"No changes in the chosen time. {_IF_EMPTY}"),
    Words("更改记录", "所选时段内最新的 500 条。更改前后的内容、地址、登录、导出和账户只有所有者可见：GraphQL 查询 `audit` 和 `ddms audit show`。", f"所选时段内没有更改。{_IF_EMPTY_ZH}"),
)  # fmt: skip
