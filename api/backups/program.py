"""`ddms backups`: the program that makes, verifies and restores backups, and listens nowhere.

It alone needs a login that may read everything and make databases.
"""

import asyncio
import logging
import signal

from api.backups.work import may_back_up
from api.ground.scheduler import BACKUP_JOBS, Scheduler
from api.site.jobs import jobs_of
from ddms.database import wait_until_ready
from ddms.errors import Code, DdmsError
from ddms.settings import Settings

logger = logging.getLogger("api.backups")


def serve(settings: Settings) -> None:
    """Work the queue until SIGINT or SIGTERM; what is being made then is given up, and made again later."""
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    await wait_until_ready(settings, "backups")
    if not await may_back_up(settings):
        sentence = "backups need a login that may read everything: let DDMS_BACKUP_DATABASE_URL name a superuser"
        raise DdmsError(Code.SETTINGS, sentence, field="DDMS_BACKUP_DATABASE_URL")
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    logger.info("backups are made here, in %s", settings.backup_directory)
    working = asyncio.create_task(Scheduler(settings, jobs_of(settings), BACKUP_JOBS).run())
    ending = asyncio.create_task(end.wait())
    await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
    died = working.done()
    for task in (working, ending):
        task.cancel()
    await asyncio.gather(working, ending, return_exceptions=True)
    if died:
        working.result()
