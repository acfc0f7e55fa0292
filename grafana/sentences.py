"""What the database says in English: why a reading is bad, what a device's last error was. Here in each language."""

from ddms.quality import Reason
from grafana.languages import ENGLISH, Language, literal

_REASONS_ZH = {
    Reason.GOOD: ("正常", "读取正常"),
    Reason.CLOCK: ("时钟被调整", "读取期间服务器时钟被调整：时间可能不准"),
    Reason.ROUNDED: ("已舍入", "数字位数超出计算精度：完整数字见其文本"),
    Reason.IMPORTED_UNCERTAIN: ("导入：存疑", "导入的数据：来源系统对该值存疑"),
    Reason.TIMEOUT: ("超时", "设备未及时应答"),
    Reason.REFUSED: ("拒绝连接", "连接被拒绝：端口是否正确，是否已有其他主站连接？"),
    Reason.UNREACHABLE: ("不可达", "地址不可达：请检查网络、主机名和端口"),
    Reason.CLOSED: ("连接断开", "设备关闭了连接"),
    Reason.MALFORMED: ("报文错误", "应答过短，或不是 Modbus 报文"),
    Reason.WRONG_UNIT: ("单元号不符", "应答来自其他单元：请检查该网关后的单元号"),
    Reason.NO_PORT: ("无串口", "无法打开串口：串口是否存在，DDMS 是否有权使用？"),
    Reason.ILLEGAL_FUNCTION: ("非法功能", "异常码 1：设备不支持此功能码，即没有这类寄存器"),
    Reason.ILLEGAL_ADDRESS: ("非法地址", "异常码 2：设备没有此寄存器"),
    Reason.ILLEGAL_VALUE: ("非法数值", "异常码 3：设备拒绝此寄存器范围"),
    Reason.DEVICE_FAILURE: ("设备故障", "异常码 4：设备应答时发生故障"),
    Reason.ACKNOWLEDGE: ("处理中", "异常码 5：设备需要更多时间"),
    Reason.BUSY: ("设备忙", "异常码 6：设备忙"),
    Reason.NEGATIVE_ACKNOWLEDGE: ("否定应答", "异常码 7：设备拒绝此请求"),
    Reason.PARITY: ("校验错误", "异常码 8：设备发现其存储器有错误"),
    Reason.GATEWAY_PATH: ("网关无路径", "异常码 10：网关没有通往此单元的路径"),
    Reason.GATEWAY_TARGET: ("网关后无应答", "异常码 11：网关后的单元没有应答"),
    Reason.UNKNOWN_EXCEPTION: ("未知异常码", "设备返回了 Modbus 未定义的异常码"),
    Reason.SENTINEL: ("设备无值", "设备表示没有数值"),
    Reason.OUT_OF_RANGE: ("超出量程", "数值超出测点的有效范围"),
    Reason.NOT_A_NUMBER: ("非数值", "寄存器中不是有限的数"),
    Reason.NO_VALUE: ("不是该类型的值", "寄存器的内容不是该类型的值：有大于 9 的数位，或日期不存在"),
    Reason.IMPORTED_BAD: ("导入：无效", "导入的数据：来源系统标记为无效"),
}

REASONS = {reason.label: (reason.label.replace("_", " "), _REASONS_ZH[reason][0]) for reason in Reason} | {
    "stale": ("stale", "过旧")
}
"""Why a reading is as it is, in a word or two."""
_OTHER = {
    "no newer reading has come: does a collector run?": "没有更新的读数：采集器是否在运行？",
    "no collector has reported this device since it was last seen": "自上次通信以来，没有采集器上报此设备",
    "polls are skipped: the line takes longer than the intervals allow, `ddms plan` shows on what": "轮询被跳过：线路耗时超出轮询间隔，可用 `ddms plan` 查看原因",
    "no collector answered in time": "没有采集器及时响应",
    "the collector was stopped meanwhile: ask again": "采集器期间被停止：请重新测试",
    "the request cannot be understood": "无法理解此请求",
    "the program that ran it ended": "运行它的程序已结束",
    "points that were deleted before": "此前已删除的测点",
}
EXPLANATIONS = {reason.explanation: (reason.explanation, _REASONS_ZH[reason][1]) for reason in Reason} | {
    english: (english, chinese) for english, chinese in _OTHER.items()
}
"""Whole sentences; those of the programs may stand within a longer one."""
# As ddms/system_alarms.py and api/site/watch.py write them.
_DETAILS_ZH = {
    r"last heard of at (.+)": r"最近一次信号：\1",
    r"(.+) is one of (\d+)": r"\1 等共 \2 个",
    r"(\d+) of (\d+) points of devices that answer have no reading of their last three intervals": r"有应答设备的 \2 个测点中，\1 个最近三个间隔没有读数",
    r"(\d+) MB wait in its spool": r"缓存中有 \1 MB 等待存储",
    r"room for (\d+) MB of (\d+) MB": r"剩余 \1 MB，共 \2 MB",
    r"(\d+) since it was installed, the last at (.+)": r"安装以来共 \1 个，最近一次：\2",
    r"([\d.]+) s ahead of the database": r"比数据库快 \1 秒",
    r"([\d.]+) s behind the database": r"比数据库慢 \1 秒",
    r"(\d+) MB of (\d+) MB are free": r"剩余 \1 MB，共 \2 MB",
    r"it runs since (.+)": r"自 \1 起一直在运行",
    r"it was due at (.+)": r"本应于 \1 运行",
    r"a job of the database itself": "数据库自身的任务",
    r"at (.+) about (\d+) rows of (\d+) devices will be erased": r"将于 \1 清除 \3 台设备的约 \2 行数据",
    r"the newest verified one is (.+), of (.+)": r"最近通过校验的是 \1，生成于 \2",
    r"none of (\d+) backups was ever verified": r"\1 个备份从未校验过",
    r"there is no backup": "没有备份",
    r"the newest of them has the number (.+)": r"最近一次的报障编号为 \1",
    r"(.+) waits since (.+)": r"\1 自 \2 起一直在等待",
    r"(\d+) MB of (\d+) MB are free in (.+), the newest backup has (\d+) MB": r"\3 剩余 \1 MB，共 \2 MB；最新的备份为 \4 MB",
    r"as the collector sees it that took over": "接管的采集器所见",
}
DETAILS = {rf"\A{pattern}\Z": (r"\&", chinese) for pattern, chinese in _DETAILS_ZH.items()}
"""What alarms of DDMS itself say beside their name: a pattern, and what it is in each language; `\\&` is the English as it is."""
# As ddms/backups reports it; a size may follow.
_DOING_ZH = {
    r"looks at the database": "查看数据库",
    r"counts and samples what was backed up": "统计并抽样已备份的内容",
    r"reads what there is": "读取目录",
    r"reads all but history": "读取历史以外的全部内容",
    r"reads chunks of history": "读取历史数据块",
    r"reads (\w+)": r"读取 \1",
    r"begins": "开始",
    r"makes the tables": "创建数据表",
    r"makes the indexes and keys": "创建索引和键",
    r"makes the schema (\w+)": r"创建架构 \1",
    r"loads all but history": "载入历史以外的全部内容",
    r"loads tables, (\d+) of (\d+) are done, the last one (\w+)": r"载入数据表：已完成 \1 / \2，最近一个 \3",
    r"loads (\w+)": r"载入 \1",
    r"compares with the manifest": "与清单比对",
    r"brings the schema, the roles and their rights to what they must be": "把架构、角色和权限调整到应有的状态",
    r"collects statistics of the tables": "收集数据表的统计信息",
    r"tries it as the programs do": "按程序启动时的检查试用",
}
_SIZES_ZH = {
    r", ([\d.]+ \w+) written": r"，已写入 \1",
    r"; the new database has ([\d.]+ \w+)": r"；新数据库已有 \1",
}
DOING = {rf"\A{pattern}": (r"\&", chinese) for pattern, chinese in _DOING_ZH.items()} | {
    rf"{pattern}\Z": (r"\&", chinese) for pattern, chinese in _SIZES_ZH.items()
}
"""What a backup, a verification or a restore does just now: how a sentence begins, and how it ends."""


def told(language: Language, sql: str) -> str:
    """Return SQL that tells the sentences in a text of the database in a language; what it does not know stays as it is."""
    if language is ENGLISH:
        return sql
    # The longest first, since a short one may be a part of it.
    for english in sorted(EXPLANATIONS, key=len, reverse=True):
        sql = f"replace({sql}, {literal(english)}, {language.sql(EXPLANATIONS[english])})"
    sql = f"replace({sql}, '; ', '；')"
    return rf"regexp_replace({sql}, ' and (\d+) more: ', ' 及另外 \1 个测点：', 'g')"


def detail(language: Language, sql: str) -> str:
    """Return SQL that tells in a language what the alarm of a device, a connection or of DDMS itself says beside its name."""
    if language is ENGLISH:
        return sql
    return _matched(language, told(language, sql), DETAILS)


def doing(language: Language, sql: str) -> str:
    """Return SQL that tells in a language what a backup, a verification or a restore does just now."""
    return sql if language is ENGLISH else _matched(language, sql, DOING)


def _matched(language: Language, sql: str, patterns: dict[str, tuple[str, str]]) -> str:
    for pattern, texts in patterns.items():
        sql = f"regexp_replace({sql}, {literal(pattern)}, {language.sql(texts)})"
    return sql


def reason(language: Language, sql: str, *, spaced: bool = False) -> str:
    """Return SQL of why a reading is as it is, in a word or two; `sql` is a reason's label, `spaced` when it has lost its underscores."""
    if language is ENGLISH:
        return sql if spaced else f"replace({sql}, '_', ' ')"
    return language.word(sql, {label.replace("_", " ") if spaced else label: pair for label, pair in REASONS.items()})
