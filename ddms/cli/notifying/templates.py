"""The templates of messages, in the language of Grafana's notifications (Go's text/template).

They know no arithmetic, so what is counted is the length of a text that grows by one letter.
"""

from ddms.cli.notifying.wishes import Wishes
from ddms.cli.notifying.words import MESSAGES

NAME = "ddms"
SHOWN = 20
"""So many alarms stand in a message; of more it says how many."""
_WHOLE = 5
"""Up to so many stand in it with all that is known of them, more in one line each."""

_TEMPLATE = """
{{ define "ddms.name" }}{{ or .Annotations.title .Annotations.summary .Labels.alertname }}{{ end }}

{{ define "ddms.worst" -}}
{{- $found := "" -}}
{{- range $p := stringSlice "critical" "high" "medium" "low" "" -}}
{{- range $.Alerts.Firing -}}
{{- if and (not $found) (eq .Labels.priority $p) -}}
{{- $found = "x" -}}{{ or .Annotations.word "DDMS" }}] {{ template "ddms.name" . }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{ define "ddms.counts" -}}
{{- $first := "x" -}}
{{- range $p := stringSlice "critical" "high" "medium" "low" -}}
{{- $count := "" -}}{{- $word := "" -}}
{{- range $.Alerts.Firing -}}{{- if eq .Labels.priority $p -}}{{- $count = printf "%sx" $count -}}{{- $word = .Annotations.word -}}{{- end -}}{{- end -}}
{{- if $count -}}{{- if not $first -}}, {{ end -}}{{- $first = "" -}}{{ len $count }} {{ $word }}{{- end -}}
{{- end -}}
{{- end }}

{{ define "ddms.subject" -}}
{{- $firing := len .Alerts.Firing -}}{{- $over := len .Alerts.Resolved -}}
{{- $mark := "" -}}{{- if eq .CommonLabels.ddms "escalated" -}}{{- $mark = "«escalated», " -}}{{- end -}}
{{- if and (eq .GroupLabels.cause "flood") (gt $firing WHOLE) -}}
[{{ $mark }}«flood»] {{ $firing }} «alarms»: {{ template "ddms.counts" . }}
{{- else if .Alerts.Firing -}}
{{- $rest := "" -}}{{- range $place, $alert := .Alerts.Firing -}}{{- if $place -}}{{- $rest = printf "%sx" $rest -}}{{- end -}}{{- end -}}
[{{ $mark }}{{ template "ddms.worst" . }}{{ if $rest }}«and»{{ printf "«more»" (len $rest) }}{{ end }}{{ if $over }}; «ended»: {{ $over }}{{ end }}
{{- else if eq $over 1 -}}
{{ range .Alerts.Resolved }}[{{ if .Labels.alarm }}{{ or .Annotations.ended "«ended»" }}{{ else }}«recovered»{{ end }}] {{ template "ddms.name" . }}{{ end }}
{{- else -}}
[{{ if .CommonAnnotations.ended }}{{ .CommonAnnotations.ended }}{{ else }}«ended»{{ end }}] {{ if .CommonLabels.device }}{{ .CommonLabels.device }}: {{ end }}{{ $over }} «alarms»
{{- end -}}
{{- end }}

{{ define "ddms.one" -}}
{{ template "ddms.name" . }}
«priority»: {{ .Annotations.word }}{{ if .Annotations.since }}, «since» {{ .Annotations.since }}{{ end }}{{ if .Labels.groups }}, «groups»: {{ .Labels.groups }}{{ end }}
{{- with .Annotations.now }}
«now»: {{ . }}{{ end }}
{{- with .Annotations.note }}
«note»: {{ . }}{{ end }}
{{- with .Annotations.why }}
«why»: {{ . }}{{ end }}
{{- with .Annotations.consequence }}
«consequence»: {{ . }}{{ end }}
{{- with .Annotations.action }}
«action»: {{ . }}{{ end }}
{{- with .Annotations.within }}
«within»: {{ . }}{{ end }}
{{- with .Annotations.alarm_url }}
«look»: {{ . }}{{ end }}
{{- with .Annotations.history_url }}
«history»: {{ . }}{{ end }}
{{- with .Annotations.device_url }}
«device»: {{ . }}{{ end }}
{{ end }}

{{ define "ddms.message" -}}
{{- if and (eq .CommonLabels.ddms "escalated") .Alerts.Firing }}«nobody»

{{ end -}}
{{- $firing := len .Alerts.Firing -}}{{- $shown := "" -}}{{- $rest := "" -}}
{{- range $p := stringSlice "critical" "high" "medium" "low" "" -}}
{{- range $.Alerts.Firing -}}
{{- if eq .Labels.priority $p -}}
{{- if ge (len $shown) SHOWN -}}{{- $rest = printf "%sx" $rest -}}
{{- else -}}
{{- $shown = printf "%sx" $shown -}}
{{- if le $firing WHOLE }}{{ template "ddms.one" . }}
{{ else }}[{{ .Annotations.word }}] {{ template "ddms.name" . }}{{ with .Annotations.since }}, «since» {{ . }}{{ end }}
{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $rest }}{{ printf "«more»" (len $rest) }}
{{ end -}}
{{- if .Alerts.Resolved -}}
{{- if .Alerts.Firing }}
«ended»:
{{ end -}}
{{- $shown = "" -}}{{- $rest = "" -}}
{{- range .Alerts.Resolved -}}
{{- if ge (len $shown) SHOWN -}}{{- $rest = printf "%sx" $rest -}}
{{- else -}}
{{- $shown = printf "%sx" $shown -}}
{{ template "ddms.name" . }}: {{ if .Labels.alarm }}{{ or .Annotations.ended "«unknown»" }}{{ with .Annotations.ending }} ({{ . }}){{ end }}{{ else }}«recovered»{{ end }}
{{ end -}}
{{- end -}}
{{- if $rest }}{{ printf "«more»" (len $rest) }}
{{ end -}}
{{- end }}
{{- if or (gt $firing WHOLE) .Alerts.Resolved }}
{{ end -}}
«all»: {{ .ExternalURL }}d/ddms-alarmsBOARD
{{- end }}
"""


def template(wishes: Wishes) -> str:
    """Return the templates `ddms.subject` and `ddms.message` in the language of the messages."""
    text = (
        _TEMPLATE.strip()
        .replace("SHOWN", str(SHOWN))
        .replace("WHOLE", str(_WHOLE))
        .replace("BOARD", wishes.spoken.suffix)
    )
    for name, words in wishes.says(MESSAGES).items():
        text = text.replace(f"«{name}»", words)
    return text + "\n"
