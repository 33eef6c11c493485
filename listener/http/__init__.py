"""The one door to the network: a guarded HTTP client on libcurl, and the only room that imports pycurl.

Every address is checked in libcurl's open-socket callback, which sees what is really connected to; every byte is
counted after decompression. Redirects are followed here, one guarded request each.
"""

from listener.http.client import Client, agent
from listener.tally import Limits

__all__ = ["Client", "Limits", "agent"]
