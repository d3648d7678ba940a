"""Loopback ports: the usual one if it is free, else another, and who has the usual one."""

import socket

import psutil
import structlog

log = structlog.get_logger()

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound


def free_port(host: str = LOOPBACK) -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a listener could have the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def holder_of(port: int) -> str:
    """Name the process that listens on a port, as well as this user may know it."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return "another process"
    for connection in connections:
        at = connection.laddr[1] if connection.laddr else None
        if connection.status == psutil.CONN_LISTEN and at == port and connection.pid:
            return _name(connection.pid)
    return "another process"


def _name(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).name()} (process {pid})"
    except psutil.Error:
        return f"process {pid}"


def seen_from_here(host: str) -> str:
    """Return where this machine itself reaches a listener."""
    return LOOPBACK if host in EVERYWHERE else host


def addresses(host: str) -> set[str]:
    """Return the names and addresses by which a listener on this host is reached."""
    if host not in EVERYWHERE:
        return {host}
    families = (socket.AF_INET, socket.AF_INET6)
    own = {a.address for nic in psutil.net_if_addrs().values() for a in nic if a.family in families}
    return {address for address in own if "%" not in address} | {socket.gethostname()}


class Ports:
    """Gives out ports, each once."""

    def __init__(self) -> None:
        self._given: set[int] = set()
        self.elsewhere: list[str] = []
        """What could not have its usual port, in words."""

    def take(self, purpose: str, usual: int, host: str = LOOPBACK) -> int:
        """Return the usual port, or say who has it and return another."""
        port = usual
        if usual in self._given or not is_free(usual, host):
            port = self._another(host)
            by = "ourselves" if usual in self._given else holder_of(usual)
            log.warning("port taken", purpose=purpose, usual=usual, by=by, instead=port)
            self.elsewhere.append(f"{purpose}: port {usual} is taken by {by}; using {port}")
        self._given.add(port)
        return port

    def _another(self, host: str) -> int:
        while (port := free_port(host)) in self._given:
            pass
        return port
