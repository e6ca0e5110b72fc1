"""The web server's door."""

from __future__ import annotations

import os
import warnings

from django.core.wsgi import get_wsgi_application

from config import celery

__all__ = ["application", "celery"]  # hints that a request sends have to find our broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
warnings.filterwarnings("ignore", message="No directory at", module="django.core.handlers.base")  # see STATIC_ROOT
application = get_wsgi_application()
