"""`python -m infra.digest [VERSION]`: asks the registry for the digest of the Chroma image, without Docker."""

import re
import sys
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import httpx

# As in `memory.py`, which takes the CDK to import.
IMAGE = "chromadb/chroma"
REGISTRY = "https://registry-1.docker.io"
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
WANTED = {"os": "linux", "architecture": "arm64"}  # what the task in `memory.py` runs on
TIMEOUT_S = 20.0


class NoDigest(Exception):
    """The registry does not answer, or not with an image that can be run."""


def digest(tag: str, registry: str = REGISTRY) -> str:
    """Of the index over all architectures, so that the task finds its own. Raises NoDigest."""
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as web:
        try:
            answer = _manifest(web, tag, registry)
            found = f"sha256:{sha256(answer.content).hexdigest()}"
            index = answer.json()
        except (httpx.HTTPError, ValueError) as wrong:
            raise NoDigest(f"{registry} does not answer: {wrong!r}") from wrong
    if not _holds(index):
        raise NoDigest(
            f"{IMAGE}:{tag} is no index with {WANTED['os']}/{WANTED['architecture']}, was {answer.text[:200]}"
        )
    if (told := answer.headers.get("Docker-Content-Digest", found)) != found:
        raise NoDigest(f"the registry says {told} and sent {found}")
    return found


def _manifest(web: httpx.Client, tag: str, registry: str) -> httpx.Response:
    url, accept = f"{registry}/v2/{IMAGE}/manifests/{tag}", {"Accept": ", ".join(INDEXES)}
    answer = web.get(url, headers=accept)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        token = _token(web, answer.headers.get("WWW-Authenticate", ""))
        answer = web.get(url, headers={**accept, "Authorization": f"Bearer {token}"})
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise NoDigest(f"there is no {IMAGE}:{tag}")
    return answer.raise_for_status()


def _token(web: httpx.Client, challenge: str) -> str:
    """Anybody gets one for a public image, where the challenge says."""
    kind, _, rest = challenge.partition(" ")
    asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if kind.lower() != "bearer" or "realm" not in asked:
        raise NoDigest(f"the registry asks for something else than a token, was {challenge!r}")
    answer = web.get(asked.pop("realm"), params=asked).raise_for_status().json()
    return str(answer.get("token") or answer["access_token"])


def _holds(index: Any) -> bool:
    rows = index.get("manifests", []) if isinstance(index, dict) and index.get("mediaType") in INDEXES else []
    return any(WANTED.items() <= row.get("platform", {}).items() for row in rows)


def main(words: list[str]) -> int:
    tag = words[0] if words else version("chromadb")  # the one that the tests run against
    try:
        found = digest(tag)
    except NoDigest as wrong:
        sys.stderr.write(f"digest: {wrong}\n")
        return 1
    sys.stdout.write(f'chroma_digest = "{found}"  # {IMAGE}:{tag}\n')
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
