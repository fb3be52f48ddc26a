"""A Discord on loopback: webhooks and channels with its limits, its refusals and its moods."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]
TOKEN = "planted-webhook-token-0123456789"
HOOK = f"/api/webhooks/1200/{TOKEN}"
LIMITS = {"title": 256, "description": 4096}


@dataclass
class Answer:
    """Instead of doing as it is told, unless it `takes`. `drips`: never whole; status 0: never at all. `body`: JSON,
    or bytes as they are."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drips: bool = False
    takes: bool = False


SILENCE = Answer(0)
LOST = Answer(0, takes=True)


def limited(retry_after: float, *, is_global: bool = False) -> Answer:
    headers = {"retry-after": str(int(retry_after) + 1), "x-ratelimit-scope": "global" if is_global else "user"}
    headers |= {"x-ratelimit-global": "true"} if is_global else {}
    return Answer(
        429, {"message": "You are being rate limited.", "retry_after": retry_after, "global": is_global}, headers
    )


@dataclass
class Discord:
    """What it holds, and what it says next instead of doing as it is told."""

    next: list[Answer] = field(default_factory=list)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    # What it always says to a message of that title.
    to: dict[str, Answer] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    is_deleted: bool = False

    @property
    def titles(self) -> list[str]:
        return [message["embeds"][0].get("title", "") for message in self.messages.values()]

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        content = b""
        while (part := await receive())["type"] == "http.request":
            content += part.get("body", b"")
            if not part.get("more_body"):
                break
        head = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.asked.append(scope["method"])
        answer = self.next.pop(0) if self.next else self._mood(head, content)
        if answer is None or answer.takes:
            done = self._answer(scope, head, content)
            answer = answer or done
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        if answer.status:
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.drips or not answer.status:
            while (await asyncio.wait_for(receive(), None))["type"] != "http.disconnect":
                pass
            return
        await send({"type": "http.response.body", "body": b"" if answer.body is None else body})

    def _mood(self, head: dict[str, str], content: bytes) -> Answer | None:
        if not content or not self.to:
            return None
        told, _ = _parts(head["content-type"], content)
        return self.to.get(told["embeds"][0].get("title", ""))

    def _answer(self, scope: dict[str, Any], head: dict[str, str], content: bytes) -> Answer:
        path, method = scope["path"], scope["method"]
        is_bot = path.startswith("/channels/77")
        if (
            not (path.startswith(HOOK) or (is_bot and head.get("authorization", "").startswith("Bot ")))
            or self.is_deleted
        ):
            return Answer(404, {"message": "Unknown Webhook", "code": 10015})
        match method:
            case "GET":
                return Answer(200, {"id": "1200", "name": "Signals", "token": TOKEN, "channel_id": "77"})
            case "DELETE":
                known = self.messages.pop(path.rpartition("/")[2], None)
                return Answer(204) if known else Answer(404, {"message": "Unknown Message", "code": 10008})
        if not is_bot and scope["query_string"] != b"wait=true":
            return Answer(204)
        return self._taken(head, content)

    def _taken(self, head: dict[str, str], content: bytes) -> Answer:
        told, picture = _parts(head["content-type"], content)
        if wrong := refused(told):
            return Answer(400, {"code": 50035, "message": "Invalid Form Body", "errors": {"embeds": wrong}})
        if (nonce := told.get("nonce")) in self.nonces:
            return Answer(200, {"id": self.nonces[str(nonce)]})
        id = str(9000 + len(self.asked))
        self.messages[id] = told
        if nonce and told.get("enforce_nonce"):
            self.nonces[nonce] = id
        if picture:
            self.pictures[id] = picture
        return Answer(200, {"id": id, "embeds": told["embeds"]}, self.headers)


def refused(told: dict[str, Any]) -> str:
    """Why Discord would refuse it, by the strictest reading of its limits."""
    embeds = told.get("embeds", [])
    if told.get("allowed_mentions") != {"parse": []} or not 0 < len(embeds) <= 10:
        return "mentions, or embeds"
    whole = 0
    for embed in embeds:
        texts = [
            (embed.get("title"), 256),
            (embed.get("description"), 4096),
            (embed.get("footer", {}).get("text"), 2048),
        ]
        for row in embed.get("fields", []):
            texts += [(row["name"] or "", 256), (row["value"] or "", 1024)]
        for text, most in texts:
            if text is not None and not (units(text.strip()) > 0 and units(text) <= most):
                return f"{units(text)} of at most {most}: {text[:40]!r}"
            whole += units(text or "")
        image = embed.get("image", {}).get("url")
        if len(embed.get("fields", [])) > 25 or not (embed.get("title") or embed.get("description")):
            return "fields, or nothing in it"
        if image and image != f"attachment://{told['attachments'][0]['filename']}":
            return "no such attachment"
    return f"{whole} in all" if whole > 6000 else ""


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _parts(kind: str, content: bytes) -> tuple[dict[str, Any], bytes | None]:
    if kind == "application/json":
        return json.loads(content), None
    form = message_from_bytes(f"content-type: {kind}\r\n\r\n".encode() + content)
    parts = {re.search(r'name="([^"]+)"', str(p["content-disposition"]))[1]: p for p in form.get_payload()}  # type: ignore[index,union-attr]
    return json.loads(parts["payload_json"].get_payload(decode=True)), parts["files[0]"].get_payload(decode=True)  # type: ignore[union-attr,arg-type,return-value]
