"""`curl` with the options that the pages use, for a machine without curl."""

import argparse
import sys
import urllib.request
from urllib.error import HTTPError


def main() -> int:
    asked = _parser().parse_args()
    address = asked.url if "://" in asked.url else f"http://{asked.url}"
    body = None if asked.data is None else asked.data.encode()
    headers = dict(line.split(": ", 1) for line in asked.header)
    request = urllib.request.Request(address, body, headers, method=asked.request)  # noqa: S310 - the pages name http alone
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            sys.stdout.buffer.write(answer.read())
    except HTTPError as refused:
        sys.stdout.buffer.write(refused.read())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-H", dest="header", action="append", default=[])
    parser.add_argument("-X", dest="request")
    parser.add_argument("-d", dest="data")
    return parser


if __name__ == "__main__":
    sys.exit(main())
