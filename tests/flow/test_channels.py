"""A channel between two processes that closes while both live: after a message that broke the protocol, say."""
import ctypes
import os
import socket
import time

import pytest

import acme_raw

SYS_PIDFD_GETFD = 438
FRONT_CHANNEL = 4  # its number in the validator and in the signer


def cut(pid):
    """Shut down a process's channel to the front, from outside."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    try:
        fd = libc.syscall(SYS_PIDFD_GETFD, process, FRONT_CHANNEL, 0)
        if fd < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        with socket.socket(fileno=fd) as channel:
            channel.shutdown(socket.SHUT_RDWR)
    finally:
        os.close(process)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes a descriptor out of another process")
@pytest.mark.parametrize("role", ["validator", "signer"])
def test_a_channel_that_stays_closed_is_opened_again(house, responder, role):
    """Nobody died, so nobody is started again by that: the front notices, and a new one has new channels."""
    client = acme_raw.Client(house.url, house.root)
    client.register()
    client.issue(responder, "before.example.test")
    before = house.children()
    cut(before[role])
    house.wait_for_line(rf"front.peer_stays_away role={role}", seconds=60)
    deadline = time.monotonic() + 60
    while True:
        try:
            client.connect()
            client.nonces.clear()
            client.issue(responder, "after.example.test")
            break
        except (OSError, AssertionError):
            assert time.monotonic() < deadline, house.text()
            time.sleep(0.5)
    after = house.children()
    assert after["front"] != before["front"]
    assert all(after[other] == before[other] for other in ("validator", "signer"))
