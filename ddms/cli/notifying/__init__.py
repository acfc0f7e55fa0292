"""What Grafana needs to send notifications: rules, contact points, policies and templates, as files that it reads at its start."""
