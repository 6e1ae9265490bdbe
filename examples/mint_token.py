#!/usr/bin/env python3
"""Mint a customer token (HS256) for Counteroffer with Python's standard library only.

The app's back end does this when a signed-in subscriber clicks "cancel", and hands the token to the front end.

    export COUNTEROFFER_AUTH__HS256_SECRET=…      # the secret in Counteroffer's configuration
    python3 mint_token.py --issuer app --customer cus_123 --subscription sub_123 --attribute industry=travel
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import sys
import time
import uuid

# Counteroffer refuses tokens that are good for longer (`auth.max_token_age_seconds`).
MAX_TTL_SECONDS = 900
# The shortest secret that Counteroffer takes.
MIN_SECRET_BYTES = 32


def mint(secret, issuer, customer, subscription=None, attributes=None, ttl=600, now=None):
    """A token that is good for `ttl` seconds from `now` (the present unless given).

    `customer` is the app's own id of the customer, or Stripe's `cus_…`. With `subscription` the token is good for that
    subscription only. `attributes` are facts about the customer: texts, numbers, booleans, or lists of texts.
    """
    key = secret.encode()
    if len(key) < MIN_SECRET_BYTES:
        raise ValueError(f"the secret has {len(key)} bytes; use at least {MIN_SECRET_BYTES}")
    if not 1 <= ttl <= MAX_TTL_SECONDS:
        raise ValueError(f"a token may live 1 to {MAX_TTL_SECONDS} seconds, not {ttl}")
    issued_at = int(time.time() if now is None else now)
    claims = {
        "aud": "counteroffer",
        "iss": issuer,
        "sub": customer,
        "iat": issued_at,
        "exp": issued_at + ttl,
        # Names this token: a session begun twice with it is the same session.
        "jti": str(uuid.uuid4()),
    }
    if subscription is not None:
        claims["subscription"] = subscription
    if attributes:
        claims["attributes"] = attributes
    signed = encode({"alg": "HS256", "typ": "JWT"}) + b"." + encode(claims)
    signature = hmac.new(key, signed, hashlib.sha256).digest()
    return (signed + b"." + base64url(signature)).decode()


def encode(part):
    return base64url(json.dumps(part, separators=(",", ":")).encode())


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def attribute(text):
    """`name=value`; a value that is JSON is taken as that, any other as text."""
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"expected name=value, got {text}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def main():
    parser = argparse.ArgumentParser(description="Mint a customer token for Counteroffer.")
    parser.add_argument("--issuer", default="app", help="the `auth.issuer` of the configuration (default: app)")
    parser.add_argument("--customer", required=True, help="the app's customer id, or Stripe's cus_…")
    parser.add_argument("--subscription", help="the subscription that the token is for")
    parser.add_argument("--attribute", action="append", type=attribute, default=[], metavar="NAME=VALUE")
    parser.add_argument("--ttl", type=int, default=600, help="seconds until it expires, 1 to 900 (default: 600)")
    given = parser.parse_args()
    secret = os.environ.get("COUNTEROFFER_AUTH__HS256_SECRET", "")
    try:
        print(mint(secret, given.issuer, given.customer, given.subscription, dict(given.attribute), given.ttl))
    except ValueError as error:
        sys.exit(f"mint_token.py: {error}")


if __name__ == "__main__":
    main()
