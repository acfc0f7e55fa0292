{{- define "ddms.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "ddms.labels" -}}
app.kubernetes.io/name: ddms
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "ddms.selector" -}}
app.kubernetes.io/name: ddms
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "ddms.host" -}}
{{- if .Values.database.create }}{{ .Release.Name }}-database-rw{{ else }}{{ required "database.host is where PostgreSQL is, or let database.create be true" .Values.database.host }}{{ end }}
{{- end }}

{{- define "ddms.port" -}}
{{- if .Values.database.create }}5432{{ else }}{{ .Values.database.port }}{{ end }}
{{- end }}

{{- define "ddms.superuserSecret" -}}
{{- if .Values.database.create }}{{ .Release.Name }}-database-superuser{{ else }}{{ .Values.secret }}{{ end }}
{{- end }}

{{- define "ddms.superuserKey" -}}
{{- if .Values.database.create }}password{{ else }}database_password{{ end }}
{{- end }}

{{- define "ddms.superuser" -}}
{{- if .Values.database.create }}postgres{{ else }}{{ .Values.database.superuser }}{{ end }}
{{- end }}

{{/* Every pod: an ordinary user, no rights, nothing of the cluster's API. */}}
{{- define "ddms.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "ddms.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "ddms.programEnv" -}}
- {name: DDMS_DATABASE_URL, value: "postgresql://ddms_app@{{ include "ddms.host" . }}:{{ include "ddms.port" . }}/{{ .Values.database.name }}"}
- {name: DDMS_DATABASE_PASSWORD_FILE, value: /run/secrets/ddms/app_password}
{{- end }}

{{- define "ddms.settings" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "ddms.metricsLabels" -}}
ddms.io/metrics: "true"
{{- end }}

{{/* Each dashboard is a ConfigMap of its own, since together they are too large for one. */}}
{{- define "ddms.dashboards" -}}
- name: dashboards
  projected:
    sources:
      {{- range $path, $_ := .Files.Glob "files/dashboards/*.json" }}
      - configMap: {name: {{ $.Release.Name }}-dashboard-{{ base $path | trimSuffix ".json" }}}
      {{- end }}
{{- end }}

{{/* Who is the database, to a NetworkPolicy. */}}
{{- define "ddms.databasePeer" -}}
{{- if .Values.database.create -}}
- podSelector: {matchLabels: {cnpg.io/cluster: {{ .Release.Name }}-database}}
{{- else -}}
- ipBlock: {cidr: 0.0.0.0/0}
- ipBlock: {cidr: "::/0"}
{{- end }}
{{- end }}
