#!/bin/sh
# Readings of another historian: local times, decimal commas, OPC qualities, flow in l/min and temperature in °F.
# Without --dry-run they are stored; run it again, and nothing is stored twice.
cd "$(dirname "$0")" || exit
exec ddms history import historian.csv --map tags.csv --time Timestamp --time-format "%d.%m.%Y %H:%M:%S" --timezone Europe/Berlin \
    --decimal comma --quality Status --qualities opc-da --bad "I/O Timeout" --dry-run "$@"
