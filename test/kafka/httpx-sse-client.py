"""Reads a stream over HTTP/2 with httpx-sse, and prints each event as a line of JSON: URL, authority's file, token.

Once it has an id, httpx-sse 0.4 reports every blank line as an event, also after a comment: without data, and with the
id of before. The standard reports no event without data. Those are skipped; a record always has a new id.
"""

import json
import ssl
import sys

import httpx
from httpx_sse import connect_sse

url, authority, token = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
last_id = ""
with httpx.Client(http1=False, http2=True, verify=context, timeout=30) as client:
    with connect_sse(client, "GET", url, headers={"authorization": f"Bearer {token}"}) as source:
        for sse in source.iter_sse():
            if sse.data == "" and sse.id == last_id:
                continue
            last_id = sse.id
            print(json.dumps({"id": sse.id, "event": sse.event, "data": sse.data}), flush=True)
