"""``redis+cluster://[user:password@]HOST[:6379],HOST,...[?OPTIONS]``; by TLS ``rediss+cluster://``.

A few of the Cluster's servers are enough: they name the others.
"""

from receiver.store.server.addresses import Servers, read_servers

SCHEMES = ("redis+cluster", "rediss+cluster")
PORT = 6_379


def is_cluster(url: str) -> bool:
    """Return whether a URL is of that form."""
    return url.partition("://")[0] in SCHEMES


def read_cluster_url(url: str) -> Servers:
    """Return what a URL says; ValueError, in words without a password, for one that cannot be."""
    read = read_servers(url, PORT, "the Cluster's servers")
    if read.path.strip("/"):
        raise ValueError("a Cluster has one database: redis+cluster://HOST,HOST,HOST")
    read.connection()
    return read
