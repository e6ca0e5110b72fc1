"""The web server's door."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from config import celery

__all__ = ["application", "celery"]  # hints that a request sends have to find our broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
