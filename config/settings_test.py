"""Settings of the tests and the type checker: addresses come from `tests.embedded`, the secrets are worthless."""

from __future__ import annotations

import os
import tempfile

TEST_ENVIRON = {
    "SECRET_KEY": "only-for-tests-and-the-type-checker-0123456789",
    "FIELD_ENCRYPTION_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "DATABASE_URL": "postgresql://millrace_app@/millrace?host=/nowhere",
    "REDIS_URL": "redis://localhost:6379/0",
    "DATA_DIR": os.path.join(tempfile.gettempdir(), "millrace-test"),
    "SANDBOX": "1",
}
for _name, _value in TEST_ENVIRON.items():
    os.environ.setdefault(_name, _value)

from config.settings import *  # noqa: E402, F403  the environment has to be complete first

ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Each test has a client of its own, and each would list every static file anew.
WHITENOISE_AUTOREFRESH = True
