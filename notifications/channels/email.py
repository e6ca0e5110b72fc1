"""E-mail through Django's backend: text beside simple HTML that loads nothing from anywhere."""

from __future__ import annotations

import smtplib

from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import BadHeaderError
from django.template.loader import render_to_string

from notifications.channels.base import Letter, Refused, TryAgain

HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}  # no answers from holiday robots


class Email:
    """Mails to one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def send(self, letter: Letter) -> None:
        """Send it once. Its Message-ID is the same for every try, so that a second copy can be told from a second mail."""
        try:
            self._mail(letter).send()
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise _refusal(codes[0] if codes else 0) from None
        except (UnicodeError, BadHeaderError):
            raise Refused("This is not an address that mail can be sent to.") from None
        except (smtplib.SMTPException, OSError) as error:
            raise TryAgain(f"The mail server did not take it ({type(error).__name__}).") from None

    def _mail(self, letter: Letter) -> EmailMultiAlternatives:
        context = {"message": letter.message, "url": letter.url}
        mail = EmailMultiAlternatives(
            # What looks like an encoded word would be decoded by the reader's program, line breaks and all.
            subject=letter.message.subject.replace("=?", "= ?"),
            body=render_to_string("notifications/email.txt", context),
            to=[self._address],
            headers={**HEADERS, "Message-ID": f"<{letter.reference}>"},
        )
        mail.attach_alternative(render_to_string("notifications/email.html", context), "text/html")
        return mail


def _refusal(code: int) -> TryAgain | Refused:
    if 400 <= code < 500:
        return TryAgain(f"The mail server asks to try later ({code}).")
    return Refused(f"The mail server refuses this address ({code}). Correct it under Alerts.")
