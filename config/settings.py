"""Django's settings, derived from the environment alone. `settings.ENV` is the typed environment for everybody."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from config import database, logging
from config.env import load, origin
from config.mail import email_settings
from config.version import VERSION as VERSION

ENV = load(os.environ)
BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = False
SECRET_KEY = ENV.secret_key
FIELD_ENCRYPTION_KEY = list(ENV.field_encryption_keys)
ALLOWED_HOSTS = list(ENV.allowed_hosts)
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "tenants.User"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "tenants",
    "connectors",
    "sync",
    "notifications",
    "dashboard",
]

MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "config.sizes.BodySizeMiddleware",
    "config.hosts.PublicHostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "csp.middleware.CSPMiddleware",  # outside of the next two, so that what they refuse carries the policy as well
    "tenants.middleware.SessionAgeMiddleware",
    "tenants.middleware.TenantMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# The application role serves everything; `config.database.as_owner` is the one door to the role that owns the tables.
DATABASES = {"default": database.from_url(ENV.database_url)}
DATABASE_APP_ROLE = urlsplit(ENV.database_url).username or ""
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ENV.redis_url,
        "KEY_PREFIX": "cache",
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English")
]  # the others join when their catalogue is whole: half a page in each language helps nobody
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
# Served from the packages themselves, so that a start copies nothing; the image makes this folder and collects into it.
_COLLECTED = (BASE_DIR / "staticfiles").is_dir()
STATIC_ROOT = BASE_DIR / "staticfiles" if _COLLECTED else None
WHITENOISE_USE_FINDERS = not _COLLECTED
WHITENOISE_AUTOREFRESH = False
_STORAGE = "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _STORAGE if _COLLECTED else "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Millrace: "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(ENV.public_url).scheme
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if ENV.public_is_https else 0
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Millrace"

# People come by invitation. Rate limits are allauth's own, counted in the cache. Behind the compose file's proxy the
# visitor's address is the last one of X-Forwarded-For.
ACCOUNT_ADAPTER = "tenants.adapters.AccountAdapter"
MFA_ADAPTER = "tenants.adapters.SecondFactorAdapter"
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if ENV.public_is_https else 0

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_ABSOLUTE_SECONDS = SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = 2 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.public_is_https
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [ENV.public_url]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.public_is_https else None
SECURE_SSL_REDIRECT = ENV.public_is_https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENV.public_is_https else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
LARGEST_BODY = 3 * 1024 * 1024  # with its files; the largest file that any page takes is 2 MB

# A browser follows a form's redirects under form-action, so the vendors' consent pages have to be named.
_CONSENT_PAGES = [origin(url) for url in (ENV.xero_login_url, ENV.amnis_authorize_url, ENV.amazon_consent_url) if url]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF, *_CONSENT_PAGES],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

globals().update(email_settings(ENV))

LOGGING_CONFIG = None
logging.configure()
