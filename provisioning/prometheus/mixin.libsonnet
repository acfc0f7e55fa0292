// DDMS as a mixin: alerts, recording rules and dashboards for a Prometheus and a Grafana that others run already.
//   local ddms = (import 'ddms/provisioning/prometheus/mixin.libsonnet') { _config+:: { runbooks: 'https://wiki.example/ddms/' } };
//   { 'ddms.rules': ddms.prometheusAlerts, … }
{
  _config:: { runbooks: '' },

  local withUrl(rule) =
    if std.objectHas(rule, 'alert')
    then rule { annotations+: { runbook_url: $._config.runbooks + super.runbook } }
    else rule,

  prometheusAlerts+:: {
    groups+: [
      group { rules: [withUrl(rule) for rule in super.rules] }
      for group in std.parseYaml(importstr 'rules/alerts.yaml').groups
    ],
  },
  prometheusRules+:: { groups+: std.parseYaml(importstr 'rules/recording.yaml').groups },
  grafanaDashboards+:: {
    'ddms-api.json': import '../../grafana/dashboards/api.json',
    'ddms-api-zh.json': import '../../grafana/dashboards/api-zh.json',
  },
}
