from __future__ import annotations

import warnings

from authlib.deprecate import AuthlibDeprecationWarning
from django.apps import AppConfig

# Authlib prefers a fork of httpx that we keep out on purpose (docs/connectors.md); its notice at every start tells nobody
# anything they could act on. Authlib switches its warnings on when it is imported, so this has to come after that.
warnings.filterwarnings("ignore", message="The httpx module is deprecated", category=AuthlibDeprecationWarning)


class ConnectorsConfig(AppConfig):
    name = "connectors"
    default_auto_field = "django.db.models.BigAutoField"
