"""DDMS in Python: histories as data frames, live readings without a gap."""

from ddms_client.client import AsyncClient, Client
from ddms_client.errors import DdmsError, Problem
from ddms_client.live import Event
from ddms_client.schema import Calendar, Device, DeviceState, EventKind, ManualReading, Point
from ddms_client.series import Gap, LatestReading, PointReading, Series, SeriesList

__all__ = [
    "AsyncClient",
    "Calendar",
    "Client",
    "DdmsError",
    "Device",
    "DeviceState",
    "Event",
    "EventKind",
    "Gap",
    "LatestReading",
    "ManualReading",
    "Point",
    "PointReading",
    "Problem",
    "Series",
    "SeriesList",
]
