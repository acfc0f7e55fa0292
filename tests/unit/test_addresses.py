"""Where programs listen: one address, or all of both IP versions."""

import socket

import pytest

from ddms.addresses import listen_on

pytestmark = pytest.mark.skipif(
    not socket.has_dualstack_ipv6(), reason="this machine has no sockets of both IP versions"
)


def reached(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=60):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("host", ["::", "[::]"])
def test_all_addresses_of_ipv6_are_all_of_ipv4_too(host):
    with listen_on(host, 0, "DDMS_API") as listener:
        port = listener.getsockname()[1]
        assert reached("127.0.0.1", port)
        assert reached("::1", port)


def test_one_address_of_ipv6_is_that_one():
    with listen_on("::1", 0, "DDMS_API") as listener:
        assert reached("::1", listener.getsockname()[1])
        assert not reached("127.0.0.1", listener.getsockname()[1])
