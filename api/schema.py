"""The schema: what the nouns bring, joined, with the permissions before it."""

from functools import cache

import strawberry
from strawberry.schema.config import StrawberryConfig

from api.access.mutations import SignInMutations, UserMutations
from api.access.rights import RightsMutations
from api.access.session_list import SessionMutations, SessionQueries
from api.access.tokens import TokenMutations, TokenQueries
from api.access.users import UserQueries
from api.alarms.journal import JournalQueries
from api.alarms.listed import AlarmQueries
from api.alarms.mutations import AlarmMutations
from api.alarms.performance import PerformanceQueries
from api.alarms.preview import PreviewQueries
from api.annotations.mutations import AnnotationMutations
from api.annotations.types import AnnotationQueries
from api.audit.types import AuditQueries
from api.backups.mutations import BackupMutations
from api.backups.restores import RestoreQueries
from api.backups.store import BackupQueries
from api.connections.mutations import ConnectionMutations
from api.connections.plan import PlanQueries
from api.connections.types import ConnectionQueries
from api.devices.availability import AvailabilityQueries
from api.devices.imports import ImportMutations
from api.devices.mutations import DeviceMutations
from api.devices.types import DeviceQueries
from api.export.types import ExportMutations, ExportQueries
from api.field.requests import FieldRequestMutations, FieldRequestQueries
from api.field.sunspec import SunspecMutations
from api.field.testing import TestMutations
from api.field.trial import CommissioningMutations
from api.graphql.executor import convert_aside, shorten
from api.graphql.scalars import SCALARS
from api.groups.mutations import GroupMutations
from api.groups.types import GroupQueries
from api.limits.mutations import LimitMutations
from api.permissions import enforce
from api.points.mutations import PointMutations
from api.points.queries import PointQueries
from api.profiles.mutations import ProfileMutations
from api.profiles.types import ProfileQueries
from api.readings.combined import CombinedQueries
from api.readings.latest import LatestQueries
from api.readings.mutations import ReadingMutations
from api.readings.series import SeriesQueries
from api.readings.values import ValueQueries
from api.retention.deletions import ErasureQueries
from api.retention.types import RetentionQueries
from api.site.configuration import ConfigurationMutations, ConfigurationQueries
from api.site.jobs import JobMutations, JobQueries
from api.site.notices import NoticeQueries
from api.site.storage import StorageQueries
from api.site.system import SystemMutations, SystemQueries
from api.subscriptions.root import Subscription
from api.webhooks.mutations import WebhookMutations
from api.webhooks.types import WebhookQueries


@strawberry.type(description="What can be read.")
class Query(
    AlarmQueries,
    AnnotationQueries,
    AuditQueries,
    AvailabilityQueries,
    BackupQueries,
    CombinedQueries,
    ConfigurationQueries,
    ConnectionQueries,
    DeviceQueries,
    ErasureQueries,
    ExportQueries,
    FieldRequestQueries,
    GroupQueries,
    JobQueries,
    JournalQueries,
    PerformanceQueries,
    PlanQueries,
    PointQueries,
    PreviewQueries,
    ProfileQueries,
    RestoreQueries,
    LatestQueries,
    NoticeQueries,
    RetentionQueries,
    SeriesQueries,
    StorageQueries,
    SystemQueries,
    SessionQueries,
    TokenQueries,
    UserQueries,
    WebhookQueries,
    ValueQueries,
):
    """What can be read."""


@strawberry.type(description="What can be changed. Each answers with `errors`: empty when it was done.")
class Mutation(
    AlarmMutations,
    AnnotationMutations,
    BackupMutations,
    ConfigurationMutations,
    ConnectionMutations,
    DeviceMutations,
    CommissioningMutations,
    ExportMutations,
    FieldRequestMutations,
    SunspecMutations,
    GroupMutations,
    ImportMutations,
    JobMutations,
    LimitMutations,
    PointMutations,
    ProfileMutations,
    ReadingMutations,
    RightsMutations,
    SignInMutations,
    SessionMutations,
    SystemMutations,
    TestMutations,
    TokenMutations,
    UserMutations,
    WebhookMutations,
):
    """What can be changed."""


@cache
def build() -> strawberry.Schema:
    """Build the schema, once; a root field without a permission stops the program."""
    schema = strawberry.Schema(
        Query, Mutation, Subscription, config=StrawberryConfig(scalar_map=SCALARS, relay_max_results=100)
    )
    shorten(schema._schema)
    convert_aside(schema)
    enforce(schema._schema)
    return schema
