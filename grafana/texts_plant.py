"""What the panels of the plant say (fleet, group, device, history), in English and Chinese."""

from grafana.texts import IF_ASKED, IF_ASKED_ZH, Button, Words

_NO_DEVICES = "No devices yet: add one with `ddms devices import` or the createDevice mutation."
_NO_DEVICES_ZH = "还没有设备：请用 `ddms devices import` 或变更 `createDevice` 添加。"
_NO_DEVICE = f"No such device. {_NO_DEVICES}"
_NO_DEVICE_ZH = f"没有此设备。{_NO_DEVICES_ZH}"
_IF_NO_DEVICES = _NO_DEVICES.replace("No devices yet:", "If there are no devices yet,")
_IF_NO_DEVICES_ZH = _NO_DEVICES_ZH.replace("还没有设备：", "若还没有设备，")

COUNTS = (
    Words("Devices by state", "How many devices are in each state; a number is a link to them. Offline: 3 failures in a row. Error: it answers, but "
          "refuses some registers. Unknown: not polled yet, or no collector reports it. Bad points: of devices that answer.", _NO_DEVICES),
    Words("设备状态", "各状态的设备数；点击数字可筛选。离线：连续 3 次无应答。异常：有应答，但拒绝部分寄存器。未知：尚未轮询，或没有采集器上报。坏测点：只计有应答的设备。", _NO_DEVICES_ZH),
)  # fmt: skip
COLLECTORS = (
    Words("Collectors", "The programs that read the devices. One that gave no sign for 30 seconds is silent: its devices are not being read.",
          f"No collector has run yet: start one with `ddms collector`. {IF_ASKED}"),
    Words("采集器", "读取设备的程序。30 秒没有信号即为无声息：其设备不再被读取。", f"还没有采集器运行过：请用 `ddms collector` 启动。{IF_ASKED_ZH}"),
)  # fmt: skip
OFFLINE = (
    Words("Offline now", "Devices that failed to answer 3 times in a row, the longest first. They are tried again every 60 seconds.", f"No device is offline. {IF_ASKED}"),
    Words("当前离线", "连续 3 次无应答的设备，离线最久的在前。每 60 秒重试一次。", f"没有离线的设备。{IF_ASKED_ZH}"),
)  # fmt: skip
BAD_NOW = (
    Words("Bad now", "Points without a trustworthy value, of devices that do answer; the first 200.", f"Every device that answers gives good values. {IF_ASKED}"),
    Words("当前坏值", "有应答的设备中没有可信数值的测点；最多 200 个。", f"所有有应答的设备数值均正常。{IF_ASKED_ZH}"),
)  # fmt: skip
DEVICES = (
    Words("Devices", "All devices that pass the filters above, the worst alarm first: its priority, how many stand; ✓ when acknowledged, ↩ when gone "
          "and not acknowledged. Value and trend are of the point that stands for the device (`trendPoint`), in the time range above. A name opens the device, a "
          "point its history.",
          f"No device passes the filters above. {_NO_DEVICES.replace('No devices yet:', 'If there are none yet,')}"),
    Words("设备列表", "符合上方筛选的全部设备，报警最重的在前：优先级与报警数；✓ 表示已确认，↩ 表示已消失但无人确认。数值与趋势为代表该设备的测点（`trendPoint`），取上方时段。点击名称打开设备，点击测点打开其历史。",
          f"没有设备符合上方筛选。{_IF_NO_DEVICES_ZH}"),
)  # fmt: skip

FLEET_STATES = (
    Words("State over time: devices with trouble", "When devices did not answer (red), refused registers (yellow) or were not reported by any collector (blue), of those "
          "that pass the filters above; who had trouble longest comes first, at most 10. Click a line to open its device.",
          f"No device had trouble in this time range. {IF_ASKED}"),
    Words("状态变化：有问题的设备", "符合上方筛选的设备何时无应答（红）、拒绝寄存器（黄）或没有采集器上报（蓝）；问题时间最长的在前，最多 10 台。点击条带可打开设备。",
          f"该时段内没有设备出现问题。{IF_ASKED_ZH}"),
)  # fmt: skip
_NO_STATES = f"Nothing is known of its state in this time range: choose a later one. {IF_ASKED}"
_NO_STATES_ZH = f"该时段没有状态记录：请选择更晚的时段。{IF_ASKED_ZH}"
DEVICE_STATES = (
    Words("State over time", "When the device was online (green), refused registers (yellow), did not answer (red), was not reported by any collector (blue) or was "
          "switched off (grey). Offline begins with the first of the failures.", _NO_STATES),
    Words("状态变化", "设备何时在线（绿）、拒绝寄存器（黄）、无应答（红）、没有采集器上报（蓝）或被停用（灰）。离线从第一次失败算起。", _NO_STATES_ZH),
)  # fmt: skip
GROUP_STATES = (
    Words("State over time", "When each member was online (green), refused registers (yellow), did not answer (red), was not reported by any collector (blue) or was "
          "switched off (grey); who had trouble longest comes first, at most 10. Click a line to open its device.", _NO_STATES),
    Words("状态变化", "各成员何时在线（绿）、拒绝寄存器（黄）、无应答（红）、没有采集器上报（蓝）或被停用（灰）；问题时间最长的在前，最多 10 台。点击条带可打开设备。", _NO_STATES_ZH),
)  # fmt: skip

_STANDING = (
    "How many alarms stand that nobody acknowledged yet, by priority; how many are acknowledged; gone before anybody did (returned); "
    "shelved. What is suppressed by an alarm that explains it is not counted. Maintenance: devices."
)
_STANDING_ZH = "各优先级未确认的报警数；已确认的；无人确认即消失的（已恢复）；已搁置的。由其他报警引起而被抑制的不计入。检修按设备计。"
ALARM_COUNTS = (
    Words("Alarms", f"{_STANDING} A number is a link to the list.", IF_ASKED),
    Words("报警", f"{_STANDING_ZH}点击数字可打开列表。", IF_ASKED_ZH),
)
GROUP_ALARM_COUNTS = (
    Words("Alarms", f"{_STANDING} Those of the group's devices.", IF_ASKED),
    Words("报警", f"{_STANDING_ZH}只计本分组的设备。", IF_ASKED_ZH),
)
DEVICE_ALARMS = (
    Words("Alarms now", "What is not normal on this device, the worst first, what is shelved, suppressed or out of service last; a row leads to the "
          "alarms, where they are acknowledged and shelved.", f"No alarm stands on this device. {IF_ASKED}"),
    Words("当前报警", "此设备的异常，最重要的在前；已搁置、被抑制或停用检修的在后。点击一行可打开报警，在那里确认或搁置。", f"此设备没有报警。{IF_ASKED_ZH}"),
)  # fmt: skip

HEADER = (
    Words("${device:text}", "How the device does now. Failures: in a row; offline is counted from the first of them.", _NO_DEVICE),
    Words("${device:text}", "设备当前状况。失败次数：连续次数；离线从其中第一次算起。", _NO_DEVICE_ZH),
)  # fmt: skip
CONNECTION = (
    Words("Connection", "Where the device is, how fast it answers, what went wrong last, and whether its polls keep their intervals.", _NO_DEVICE),
    Words("连接", "设备所在端点、应答快慢、最近的错误，以及轮询能否保持间隔。", _NO_DEVICE_ZH),
)  # fmt: skip
TEST = (
    Words("Last test", "Admins and owners read the device's points once, outside their turn, by the button; it takes up to 15 seconds. What came of "
          "it stands here after the next refresh, and the values below. Every test is in the audit.", _NO_DEVICE),
    Words("最近一次测试", "管理员和所有者可用按钮立即读取一次此设备的测点，最多 15 秒。结果在下次刷新后显示于此，数值见下方。每次测试都记入审计。", _NO_DEVICE_ZH),
)  # fmt: skip
TEST_NOW = (
    Button("Test now", "Read the points of ${device:text} now, through its collector?"),
    Button("立即测试", "现在通过采集器读取 ${device:text} 的测点？"),
)
LATEST = (
    Words("Latest readings", "The newest reading of each point, its quality, and why it is not good. Too old: a collector should have read it since.",
          "This device has no points yet: add some with `ddms devices import` or the updateDevice mutation."),
    Words("最新读数", "每个测点的最新读数、质量，以及不好的原因。过旧：采集器本应已再次读取。", "此设备还没有测点：请用 `ddms devices import` 或变更 `updateDevice` 添加。"),
)  # fmt: skip
_LIMITS = (
    "Dashed lines are limits; where all points have the same, their sides are tinted in the colour of the priority. Bars are alarms of "
    "these points and of their devices, at most 50 of each priority, the longest; one that comes again and again is one bar."
)
_LIMITS_ZH = "虚线为限值；各测点限值相同时，限值外侧以优先级颜色着色。条带为这些测点及其设备的报警，每个优先级最多 50 条，取最长的；反复发生的合为一条。"
_NO_READINGS = "No readings of the chosen points in this time range: choose a wider one, or other points."
_NO_READINGS_ZH = "该时段内所选测点没有读数：请扩大时段，或选择其他测点。"
TREND = (
    Words("Trend: ${unit}", "Readings as they were taken; in wide ranges the mean of each step, with the lowest (↓) and the highest (↑) as grey lines. "
          f"Outages and bad readings are gaps. {_LIMITS}", _NO_READINGS),
    Words("趋势：${unit:text}", f"逐个读数；时段较长时为每步的平均值，灰线为最低（↓）和最高（↑）。断线处为中断或坏读数。{_LIMITS_ZH}", _NO_READINGS_ZH),
)  # fmt: skip
SWITCHES_OVER_TIME = (
    Words("States", "States by their names, switches as on and off, over time; yellow where a step of a wide range holds several.",
          "No states (points whose values have names) and no switches (coils, discrete inputs, bits) with readings in this time range."),
    Words("状态", "按名称显示的状态以及开关量随时间的变化；时段较长、一步内有多种状态时为黄色。", "该时段没有状态（其值有名称的测点）或开关量（线圈、离散输入、位）的读数。"),
)  # fmt: skip
HISTORY_STATES = (
    Words("States", "The chosen points whose values have names, over time; yellow where a step of a wide range holds several.",
          "None of the chosen points has names for its values, or none was read in this time range."),
    Words("状态", "所选测点中其值有名称的测点随时间的变化；时段较长、一步内有多种状态时为黄色。", "所选测点的值都没有名称，或该时段没有读数。"),
)  # fmt: skip
_QUALITY_EMPTY = "Nothing was read in this time range: choose points above, or a wider range."
_QUALITY_EMPTY_ZH = "该时段没有读取任何数据：请在上方选择测点，或扩大时段。"
QUALITY_OVER_TIME = (
    Words("Quality", "Green is good, yellow uncertain, red bad with its reason; empty where nothing was read.",
          "No readings of this device in this time range: choose a wider one."),
    Words("质量", "绿色为好，黄色为不确定，红色为坏并注明原因；空白处没有读取。", "该时段没有此设备的读数：请扩大时段。"),
)  # fmt: skip
TEXTS = (
    Words("Texts", "Texts that the device gave, such as modes and serial numbers: the newest 20 of each point up to the end of the range.",
          "This device has no texts (points of the type string)."),
    Words("文本", "设备给出的文本，如模式和序列号：每个测点截至时段末最新的 20 条。", "此设备没有文本（字符串类型的测点）。"),
)  # fmt: skip

_NO_GROUPS = "No groups yet: make one with the createGroup mutation, or by the column groups in `ddms devices import`."
_NO_GROUPS_ZH = "还没有分组：请用变更 `createGroup` 建立，或在 `ddms devices import` 的表中填写 `groups` 列。"
GROUPS = (
    Words("Groups", "How many devices of each group are in each state; a name opens the group.", _NO_GROUPS),
    Words("分组", "各分组中各状态的设备数；点击名称打开分组。", _NO_GROUPS_ZH),
)
GROUP_COUNTS = (
    Words("${group:text}", "How many devices of the group are in each state. Bad points: of devices that answer.", _NO_GROUPS),
    Words("${group:text}", "分组中各状态的设备数。坏测点：只计有应答的设备。", _NO_GROUPS_ZH),
)  # fmt: skip
MEMBERS = (
    Words("Devices", "The devices of the group, the worst alarm first; a name opens the device in the same time range.",
          "This group has no devices yet: put some in with the updateGroup mutation (addDevices). " + _NO_GROUPS.replace("No groups yet:", "If there are no groups yet,")),
    Words("设备列表", "分组中的设备，报警最重的在前；点击名称以相同时段打开设备。",
          "此分组还没有设备：请用变更 `updateGroup`（`addDevices`）加入。" + _NO_GROUPS_ZH.replace("还没有分组：", "若还没有分组，")),
)  # fmt: skip
KEY_VALUES = (
    Words("Values now", "The newest value of the twelve points that most members have. ✗: bad, and why. ⌛: a collector should have read it since.",
          "The devices of this group have no points yet: add some with `ddms devices import` or the updateDevice mutation."),
    Words("当前数值", "多数成员共有的十二个测点的最新值。✗：坏及其原因。⌛：采集器本应已再次读取。", "此分组的设备还没有测点：请用 `ddms devices import` 或变更 `updateDevice` 添加。"),
)  # fmt: skip
_ZOOM = "Drag over a part to zoom in; each zoom shows as much detail as the panel has room for."
_MEANS = (
    "⌀ after a name: means of steps of this length, with the lowest (↓) and the highest (↑) as grey lines; without it each reading. "
    f"Outages and bad readings are gaps. {_LIMITS} {_ZOOM}"
)
_MEANS_ZH = (
    "名称后的 ⌀：该步长的平均值，灰线为最低（↓）和最高（↑）；没有 ⌀ 则为每个读数。断线处为中断或坏读数。"
    f"{_LIMITS_ZH}拖动可放大；每次放大都会显示面板所能容纳的细节。"
)
GROUP_TREND = (
    Words("Trend: ${unit}", f"The chosen points of all members. {_MEANS}", _NO_READINGS),
    Words("趋势：${unit:text}", f"所有成员设备的所选测点。{_MEANS_ZH}", _NO_READINGS_ZH),
)
HISTORY_TREND = (
    Words("Trend: ${unit}", _MEANS, f"No readings in this time range: choose points above, or a wider range. {_IF_NO_DEVICES}"),
    Words("趋势：${unit:text}", _MEANS_ZH, f"该时段没有读数：请在上方选择测点，或扩大时段。{_IF_NO_DEVICES_ZH}"),
)  # fmt: skip
HISTORY_SHOWN = (
    Words("In this range", "The lowest and highest reading of each point, not of means: at every zoom. Where the trend shows steps, of all steps "
          "that touch the range.", _QUALITY_EMPTY),
    Words("该时段内", "每个测点的最低与最高读数（不是平均值），任何缩放下均如此。趋势按步显示时，取与时段相交的所有步。", _QUALITY_EMPTY_ZH),
)  # fmt: skip
HISTORY_QUALITY = (
    Words("Quality", "Green is good, yellow uncertain, red bad with its reason, of a step its worst; empty where nothing was read.", _QUALITY_EMPTY),
    Words("质量", "绿色为好，黄色为不确定，红色为坏并注明原因，一步内取最差者；空白处没有读取。", _QUALITY_EMPTY_ZH),
)  # fmt: skip
HEAT = (
    Words("By hour and day: ${heat:text}", "The mean of each hour, a column for each day, both by the site's clock: what comes back each day is a stripe, what is unusual stands "
          "out. Which point and how many days is chosen above; with a fixed time range its days are shown.",
          "No readings of this point in these days: choose another point, or more days, above."),
    Words("按小时与日期：${heat:text}", "每小时的平均值，每天一列，均按现场时钟：每天重复的呈条纹，异常的突出显示。测点与天数在上方选择；时段为固定起止时间时，显示其中的各天。",
          "这些天内该测点没有读数：请在上方选择其他测点或更多天数。"),
)  # fmt: skip
