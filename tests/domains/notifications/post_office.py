"""A real mail server on this machine, as strict or as broken as a test wants it."""

import asyncio
import socket
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "modelyard", "pass word ü"


class PostOffice:
    """Takes mail on a loopback port; `refusing` has answers for addresses, `taken` what came."""

    def __init__(self, certificate: tuple[Path, Path], security: str = "none", login: bool = False) -> None:
        self.port = 0
        self.refusing: dict[str, str] = {}
        self.answer_to_data = "250 OK"
        self.cut_off_after_taking = False
        self.taken: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.encrypted: list[bool] = []
        self._login = login
        self._security = security
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*certificate)
        self._server: asyncio.Server | None = None
        self._open: set[SMTP] = set()

    async def __aenter__(self) -> Self:
        await self.opens()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.closes()

    def free_port(self) -> int:
        """A port that nobody listens on, for a server that is not opened here."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
        return self.port

    async def opens(self) -> None:
        """Answers, on the port of the time before."""
        loop = asyncio.get_running_loop()
        implicit = self._tls if self._security == "tls" else None
        self._server = await loop.create_server(self._connection, "127.0.0.1", self.port, ssl=implicit)
        self.port = self._server.sockets[0].getsockname()[1]

    async def closes(self) -> None:
        """Is away."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refusing:
            return self.refusing[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer_to_data.startswith("2"):
            content = envelope.original_content or b""
            parsed: Any = message_from_bytes(content, policy=policy.default)
            self.taken.append(parsed)
            self.recipients.append(list(envelope.rcpt_tos))
            self.encrypted.append(session.ssl is not None or self._security == "tls")
        if self.cut_off_after_taking:
            self.cut_off_after_taking = False
            server.transport.abort()
        return self.answer_to_data

    def _connection(self) -> SMTP:
        return SMTP(
            self,
            hostname="post.example.test",
            enable_SMTPUTF8=False,
            tls_context=self._tls if self._security == "starttls" else None,
            require_starttls=self._security == "starttls",
            auth_required=self._login,
            auth_require_tls=self._security == "starttls",
            authenticator=_authenticate if self._login else None,
        )


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    given = LoginPassword(USER.encode(), PASSWORD.encode())
    right = isinstance(data, LoginPassword) and data == given
    return AuthResult(success=right, handled=right)
