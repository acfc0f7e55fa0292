"""The words of the collectors' dashboard, in English and Chinese."""

from grafana import sentences
from grafana.texts import IF_ASKED, IF_ASKED_ZH, NO_NUMBER, NO_NUMBER_ZH, Words

TITLE = ("Collectors", "采集器")
DESCRIPTION = (
    "The programs that read the devices: whether polls begin in time, what fails and why, what waits in the spools, how long flushes take.",
    "读取设备的程序：轮询是否及时、失败及其原因、缓存中等待的数据、写入用时。",
)
_NO_METRICS = "No metrics: does Prometheus run, and does it reach the collectors' /metrics? (docs/monitoring.md)"
_NO_METRICS_ZH = "没有指标：Prometheus 是否在运行，能否访问采集器的 /metrics？（docs/monitoring.md）"
_NOTHING = (
    f"Nothing of the kind in this time. {_NO_METRICS.replace('No metrics: does', 'If all panels are empty: does')}"
)
_NOTHING_ZH = f"该时段没有。{_NO_METRICS_ZH.replace('没有指标：', '若所有面板均为空：')}"
_NO_DEVICES = f"No devices yet: add some with `ddms devices import`. {IF_ASKED}"
_NO_DEVICES_ZH = f"还没有设备：请用 `ddms devices import` 添加。{IF_ASKED_ZH}"

READINGS = (
    Words("Readings a second", "Readings taken, good and bad, of all collectors together.", NO_NUMBER),
    Words("每秒读数", "所有采集器读取的读数，含好与坏。", NO_NUMBER_ZH),
)
BAD = (
    Words("Bad", "Share of the readings that are bad; the reasons are below.", NO_NUMBER),
    Words("坏读数", "坏读数的占比；原因见下方。", NO_NUMBER_ZH),
)
LATE = (
    Words("Begin late by", "How long after their time polls begin, the mean.", NO_NUMBER),
    Words("轮询延迟", "轮询晚于预定时间开始的平均时长。", NO_NUMBER_ZH),
)
SKIPPED = (
    Words("Skipped polls", "Polls in the chosen time that missed a whole interval: the line is asked for more than it can carry; `ddms plan` shows on what.", NO_NUMBER),
    Words("跳过的轮询", "所选时段内错过整个间隔的轮询：线路负载过高；可用 `ddms plan` 查看原因。", NO_NUMBER_ZH),
)  # fmt: skip
WAITS = (
    Words("Waits in a spool", "Age of the oldest batch that waits for the database; 0 when nothing does.", NO_NUMBER),
    Words("缓存等待", "等待数据库的最旧一批数据的时长；没有等待时为 0。", NO_NUMBER_ZH),
)
LOST = (
    Words("Lost", "Readings in the chosen time that neither database nor spool took, or that the database refused for good.", NO_NUMBER),
    Words("丢失", "所选时段内数据库和缓存都未收下、或被数据库永久拒绝的读数。", NO_NUMBER_ZH),
)  # fmt: skip
COLLECTORS = (
    Words("Collectors", "The programs that read the devices. One that gave no sign for 30 seconds is silent: others take its connections over.",
          f"No collector has run yet: start one with `ddms collector`. {IF_ASKED}"),
    Words("采集器", "读取设备的程序。30 秒没有信号即为无声息：其连接由其他采集器接管。", f"还没有采集器运行过：请用 `ddms collector` 启动。{IF_ASKED_ZH}"),
)  # fmt: skip
OVERRUN = (
    Words("Overrun", "Devices whose polls are skipped, because their line takes longer than the intervals allow. `ddms plan` shows what is asked of it.",
          f"Every device is polled at its interval. {IF_ASKED}"),
    Words("超限", "因线路用时超过轮询间隔而被跳过轮询的设备。可用 `ddms plan` 查看线路的负载。", f"所有设备均按间隔轮询。{IF_ASKED_ZH}"),
)  # fmt: skip
LINES = (
    Words("Connections now", "Each endpoint: how its devices do, how fast they answer, by how much polls of the last minute began late at the worst, and how many "
          "devices have polls skipped.", _NO_DEVICES),
    Words("当前连接", "各端点：设备状态、应答快慢、最近一分钟轮询的最大延迟，以及被跳过轮询的设备数。", _NO_DEVICES_ZH),
)  # fmt: skip
CONNECTIONS = (
    Words("Connections in this time", "Each connection and the collector that polls it, by the address at which Prometheus asks it. The first 200 have rows of their own.",
          _NO_METRICS),
    Words("该时段内的连接", "各连接及轮询它的采集器（以 Prometheus 访问的地址表示）。前 200 个各占一行。", _NO_METRICS_ZH),
)  # fmt: skip
LATENESS = (
    Words("Late by", "How long after their time polls begin, of the ten connections that are latest.", _NO_METRICS),
    Words("延迟", "轮询晚于预定时间开始的时长，取延迟最大的十个连接。", _NO_METRICS_ZH),
)
ERRORS = (
    Words(
        "Failed requests by reason", "What devices and lines did not answer, or answered with an exception.", _NOTHING
    ),
    Words("失败请求（按原因）", "设备与线路没有应答、或以异常应答的请求。", _NOTHING_ZH),
)
ANSWERS = (
    Words("Answers within", "Mean time until a right answer, of the ten slowest connections.", _NO_METRICS),
    Words("应答时间", "正确应答的平均用时，取最慢的十个连接。", _NO_METRICS_ZH),
)
RESTLESS = (
    Words("Restless connections", "How often connections were opened, closed because nothing right was answered, and units demoted as offline.", _NO_METRICS),
    Words("连接波动", "连接被打开、因没有正确应答而被关闭、以及单元被降级为离线的次数。", _NO_METRICS_ZH),
)  # fmt: skip
RESTLESS_LINES = {
    "connects": ("opened", "打开"),
    "reopens": ("closed, nothing right was answered", "因无正确应答而关闭"),
    "demotions": ("units demoted", "单元降级"),
}
KEPT = (
    Words("What becomes of readings", "Taken; kept after the deadband; written to the spool; brought from it to the database.", _NO_METRICS),
    Words("读数去向", "读取；经死区后保留；写入缓存；由缓存补入数据库。", _NO_METRICS_ZH),
)  # fmt: skip
READING_LINES = {
    "": ("taken", "读取"),
    "stored": ("kept", "保留"),
    "spooled": ("to the spool", "写入缓存"),
    "replayed": ("from the spool", "由缓存补入"),
}
STATES = (
    Words("Devices by state", "As the collectors have them.", _NO_METRICS),
    Words("设备状态", "采集器所见的设备状态。", _NO_METRICS_ZH),
)
FLUSHES = (
    Words(
        "Flush",
        "How long it takes to store what was read, with the alarms and the newest values, in one transaction.",
        _NO_METRICS,
    ),
    Words("写入用时", "在一个事务中存储读数、报警与最新值的用时。", _NO_METRICS_ZH),
)
PENDING = (
    Words(
        "Answers that wait",
        "Answers that wait for the next flush: many for long is a database that is too slow.",
        _NO_METRICS,
    ),
    Words("等待写入的应答", "等待下一次写入的应答：长时间较多说明数据库过慢。", _NO_METRICS_ZH),
)
SPOOL = (
    Words("Spool", "What waits on disk for the database; with its limit while there is something in it.", _NO_METRICS),
    Words("缓存", "在磁盘上等待数据库的数据；有数据时显示其上限。", _NO_METRICS_ZH),
)
TROUBLES = (
    Words(
        "Reasons to look",
        "How many things keep a collector from storing as fast as it reads; its /health says which.",
        _NO_METRICS,
    ),
    Words("需关注的原因", "使采集器存储慢于读取的原因数；其 `/health` 说明是什么。", _NO_METRICS_ZH),
)
MEMORY = (
    Words("Memory", "Resident memory of each collector.", _NO_METRICS),
    Words("内存", "每个采集器的常驻内存。", _NO_METRICS_ZH),
)
CPU = (
    Words("CPU", "Cores that each collector uses; it can use one.", _NO_METRICS),
    Words("CPU 占用", "每个采集器使用的核数；最多可用一个核。", _NO_METRICS_ZH),
)
SPOOL_BYTES, SPOOL_LIMIT = ("waits", "等待"), ("limit", "上限")
MEAN, NEWEST = ("mean", "平均"), ("newest", "最近一次")
OTHERS = {"other": ("all others", "其余连接")}
REASONS = sentences.REASONS
COLUMNS = {
    "overrun_since": ("Since", "起始"),
    "late_seconds": ("Late by", "延迟"),
    "overrun": ("Overrun", "超限"),
    "instance": ("Collector", "采集器"),
    "Value #A": ("Requests/s", "每秒请求"),
    "Value #B": ("Answers in", "应答时间"),
    "Value #C": ("Failed", "失败"),
    "Value #D": ("Skipped polls", "跳过的轮询"),
    "Value #E": ("Opened", "打开次数"),
}
