"""Takes secrets out of text that is about to leave the process: the last net under the rule never to log them."""

import logging
import re

_SECRETS = re.compile(
    r"(?:sk|rk|pk)_(?:live|test)_\w+|whsec_[\w+/=]+|xox[a-z]-[\w-]+|hooks\.slack\.com/services/[\w/]+|\d{6,}:[\w-]{35}"
    r"|(?<!sha256:)\b[0-9a-f]{64}\b"  # a key of the ring
    r"|(?<=/webhooks/stripe/)[\w-]+|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
)
MASK = "•••"


def scrub(text: str) -> str:
    """The text with everything that looks like a key, a signing secret, a token or a URL's password masked."""
    return _SECRETS.sub(MASK, text)


class ScrubFilter(logging.Filter):
    """Scrubs the finished message and the traceback of every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = scrub(record.exc_text)
        if record.stack_info:
            record.stack_info = scrub(record.stack_info)
        return True
