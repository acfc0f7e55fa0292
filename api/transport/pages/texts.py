"""What the pages say, in both languages; a test holds the table complete, and each text in use."""

from api.graphql.messages import CHINESE, LANGUAGE

TEXTS: dict[str, tuple[str, str]] = {
    "sign_in": ("Sign in", "登录"),
    "sign_out": ("Sign out", "退出登录"),
    "name": ("Name", "用户名"),
    "password": ("Password", "密码"),
    "by_provider": ("Sign in by {}", "通过 {} 登录"),
    "signed_out": ("You are signed out.", "您已退出登录。"),
    "for_programs": ("For programs:", "供程序使用："),
    "not_secure": (
        "This page came over plain http, where browsers keep no session: open it by https://{}. What you type here can be read on its way.",
        "此页面通过普通 http 打开，浏览器在此不会保存会话：请使用 https://{} 打开。您在此输入的内容可能被他人读取。",
    ),
    "signed_in_as": ("Signed in as", "当前用户"),
    "sign_out_question": ("Sign out of this browser?", "要在此浏览器中退出登录吗？"),
    "owner": ("owner", "所有者"),
    "admin": ("admin", "管理员"),
    "viewer": ("viewer", "查看者"),
    "start": ("Start", "首页"),
    "account": ("Account", "账户"),
    "dashboards": ("Dashboards (Grafana)", "仪表板（Grafana）"),
    "dashboards_hint": ("Devices and readings in pictures.", "以图表查看设备和读数。"),
    "export": ("Export", "导出"),
    "export_hint": ("History as CSV or Parquet.", "将历史数据导出为 CSV 或 Parquet。"),
    "graphql": ("GraphiQL", "GraphiQL"),
    "graphql_hint": ("Try the API, with its book.", "试用 API，并查阅其说明。"),
    "account_hint": ("Password, language, where you are signed in.", "密码、语言，以及登录位置。"),
    "back": ("Back to the start", "返回首页"),
    "must_change": (
        "Your password was given to you: choose your own one, which nobody else knows. Then all else is open.",
        "您的密码由他人设置：请先设置只有您自己知道的密码，之后即可使用其他功能。",
    ),
    "change_password": ("Change the password", "修改密码"),
    "old_password": ("Password until now", "当前密码"),
    "new_password": ("New password", "新密码"),
    "again": ("New password, again", "再次输入新密码"),
    "password_hint": ("8 to 128 characters: four words are better than one with a 1.", "8 至 128 个字符：多个词的组合比单词加数字更安全。"),
    "differ": ("The two new passwords differ: type the same one twice.", "两次输入的新密码不一致：请输入相同的密码。"),
    "password_changed": (
        "The password is changed; all other browsers of yours are signed out.",
        "密码已修改；您的其他浏览器均已退出登录。",
    ),
    "provided": ("{} signs you in: the password is changed there.", "您通过 {} 登录：请在那里修改密码。"),
    "language": ("Language", "语言"),
    "as_browser": ("as the browser says", "与浏览器相同"),
    "save": ("Save", "保存"),
    "language_saved": ("Saved.", "已保存。"),
    "sessions": ("Where you are signed in", "登录位置"),
    "this_one": ("this browser", "此浏览器"),
    "program": ("a program, by name and password", "使用用户名和密码登录的程序"),
    "used": ("used {}", "最近使用：{}"),
    "ends": ("ends {}", "到期：{}"),
    "end_one": ("Sign out there", "在该处退出登录"),
    "end_others": ("Sign out everywhere else", "在其他所有位置退出登录"),
    "end_all": ("Sign out everywhere", "在所有位置退出登录"),
    "ended": ("It is signed out.", "已在该处退出登录。"),
    "outdated": ("This page was too old to be believed: nothing was changed. Try again.", "此页面已过期，未作任何更改。请重试。"),
    "foreign": (
        "Another site's page sent this: nothing was done. Sign in here, if you want to.",
        "此请求来自其他网站的页面：未执行任何操作。如有需要，请在此登录。",
    ),
    "for_help": ("Number for whoever helps:", "报障编号："),
    "problem": ("This did not work", "操作未成功"),
}  # fmt: skip


def text(key: str, *values: object) -> str:
    """Return a text in the language of this request."""
    english, chinese = TEXTS[key]
    return (chinese if LANGUAGE.get() == CHINESE else english).format(*values)
