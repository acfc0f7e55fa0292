"""The schema: what the nouns bring, joined, with the permissions before it."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from api.commissioning import CommissioningMutations
from api.configuration import ConfigurationMutations, ConfigurationQueries
from api.connections import ConnectionMutations, ConnectionQueries
from api.device_changes import DeviceMutations
from api.devices import DeviceQueries
from api.erasures import ErasureQueries
from api.executor import shorten
from api.field_requests import FieldRequestMutations, FieldRequestQueries
from api.groups import GroupMutations, GroupQueries
from api.imports import ImportMutations
from api.jobs import JobMutations, JobQueries
from api.latest import LatestQueries
from api.notices import NoticeQueries
from api.permissions import enforce
from api.plans import PlanQueries
from api.point_changes import PointMutations
from api.points import PointQueries
from api.profile_changes import ProfileMutations
from api.profiles import ProfileQueries
from api.retention import RetentionQueries
from api.scalars import SCALARS
from api.series import SeriesQueries
from api.storage import StorageQueries
from api.streams import Subscription
from api.system import SystemQueries
from api.tokens import TokenMutations, TokenQueries
from api.users import UserMutations, UserQueries


@strawberry.type(description="What can be read.")
class Query(
    ConfigurationQueries,
    ConnectionQueries,
    DeviceQueries,
    ErasureQueries,
    FieldRequestQueries,
    GroupQueries,
    JobQueries,
    PlanQueries,
    PointQueries,
    ProfileQueries,
    LatestQueries,
    NoticeQueries,
    RetentionQueries,
    SeriesQueries,
    StorageQueries,
    SystemQueries,
    TokenQueries,
    UserQueries,
):
    """What can be read."""


@strawberry.type(description="What can be changed. Each answers with `errors`: empty when it was done.")
class Mutation(
    ConfigurationMutations,
    ConnectionMutations,
    DeviceMutations,
    CommissioningMutations,
    FieldRequestMutations,
    GroupMutations,
    ImportMutations,
    JobMutations,
    PointMutations,
    ProfileMutations,
    TokenMutations,
    UserMutations,
):
    """What can be changed."""


def build() -> strawberry.Schema:
    """Build the schema; a root field without a permission stops the program."""
    schema = strawberry.Schema(
        Query, Mutation, Subscription, config=StrawberryConfig(scalar_map=SCALARS, relay_max_results=100)
    )
    shorten(schema._schema)
    enforce(schema._schema)
    return schema
