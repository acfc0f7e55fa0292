"""uvicorn's server, but for how it begins to end: what has come is still taken."""

import asyncio
import os
import socket
from typing import Any

import uvicorn

_TURNS = 3
"""Turns of the event loop after which a connection that it accepted has its protocol."""


class Server(uvicorn.Server):
    """Refuses connections from the moment on at which none waits any more.

    Those that the system has let in and nobody has accepted are reset when a listening socket is closed. What was sent over
    them is lost: a proxy asks another replica for what was refused, but not for what was sent.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take what waits, refuse what comes, and wait until all is answered."""
        loop = asyncio.get_running_loop()
        listening = [listener.fileno() for server in self.servers for listener in server.sockets]
        kept = [socket.socket(fileno=os.dup(number)) for number in listening]
        for number in listening:
            loop.remove_reader(number)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for listener in kept:
            with listener:
                await self._take(listener)
        await super().shutdown(sockets)

    async def _take(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # none waits, or the program has no file left for it
                return
            connection.setblocking(False)
            await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol
