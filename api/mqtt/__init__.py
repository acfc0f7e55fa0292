"""MQTT: readings that are published to a broker, plainly or as Sparkplug B."""
