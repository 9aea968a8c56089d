"""Answers with its process id after 0 to 20 ms; for gunicorn and for uvicorn.

What it does instead is in the file that VERSION names, as in app.js.
"""

import asyncio
import os
import random
import sys
import time
from pathlib import Path

VERSION = Path(os.environ["VERSION"]).read_text().strip()
STATUS = 500 if VERSION == "says 500" else 200
BODY = b"hello from pid %d\n" % os.getpid()

if VERSION == "exits":
    sys.exit(1)
while VERSION == "never listens":
    time.sleep(1)


def wsgi(_environ, start_response):
    time.sleep(random.uniform(0, 0.02))
    start_response(f"{STATUS} -", [("Content-Length", str(len(BODY)))])
    return [BODY]


async def asgi(scope, _receive, send):
    if scope["type"] != "http":
        return
    await asyncio.sleep(random.uniform(0, 0.02))
    headers = [(b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": STATUS, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})
