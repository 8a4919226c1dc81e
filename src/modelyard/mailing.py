"""Composition of what sends mail."""

import ipaddress

from modelyard.engines.mail import Mailer, is_address
from modelyard.settings import BadSettings, Settings


def is_mailing(settings: Settings) -> bool:
    """Whether notifications are mailed."""
    return bool(settings.smtp_host)


def mailer(settings: Settings) -> Mailer | None:
    """The mail server of the settings; None when there is none. Raises BadSettings."""
    check_mail_settings(settings)
    if not is_mailing(settings):
        return None
    # Most deployments do without.
    from modelyard.engines.mail.smtp import SmtpMailer  # noqa: PLC0415

    return SmtpMailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        sender=settings.smtp_from,
        user=settings.smtp_user,
        password=settings.smtp_password,
    )


def check_mail_settings(settings: Settings) -> None:
    """Raises BadSettings for what would stop mail from being sent, or would tell the password on the way."""
    if not is_mailing(settings):
        return
    if not settings.smtp_host.isprintable() or " " in settings.smtp_host:
        raise BadSettings("smtp_host: give the name or the address of one mail server.")
    if not (is_address(settings.smtp_from) and settings.smtp_from.isascii()):
        raise BadSettings("smtp_from: give the plain e-mail address that notifications come from.")
    if bool(settings.smtp_user) != bool(settings.smtp_password):
        raise BadSettings("smtp_user and smtp_password: give both, or neither.")
    if settings.smtp_user and settings.smtp_security == "none" and not _is_loopback(settings.smtp_host):
        raise BadSettings("smtp_security: a password is not sent over an open connection; choose starttls or tls.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
