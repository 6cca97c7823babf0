"""All settings, read from the environment or from the file `.env` beside `manage.py`.

README.md has the table of what can be set. Anything dangerous is off unless asked for.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.utils.csp import CSP

from .logs import FORMATTERS

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def secret(name: str) -> str:
    """The value of NAME, or the content of the file that NAME_FILE points to, or nothing."""
    path = env.str(f"{name}_FILE", default="")
    return Path(path).read_text().strip() if path else env.str(name, default="")


def mailer(url: str) -> dict:
    """What `smtp+tls://name:password@host:587` and the like mean to Django."""
    found = environ.Env.email_url_config(url)
    if not found["EMAIL_HOST"]:
        return {"BACKEND": found["EMAIL_BACKEND"]}
    return {
        "BACKEND": found["EMAIL_BACKEND"],
        "OPTIONS": {
            "host": found["EMAIL_HOST"],
            "port": found["EMAIL_PORT"],
            "username": found["EMAIL_HOST_USER"],
            "password": found["EMAIL_HOST_PASSWORD"],
            "use_tls": found.get("EMAIL_USE_TLS", False),
            "use_ssl": found.get("EMAIL_USE_SSL", False),
            "timeout": 20,
        },
    }


# --- Django ---------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = secret("SECRET_KEY") or ("for-development-only-" * 3 if DEBUG else "")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])  # earlier ones, while sessions live on
HAS_SECRET_KEY = bool(SECRET_KEY)  # Django refuses to say that it is empty
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Addresses whose X-Forwarded-For is believed. A socket file, which has no address, counts as "".
TRUSTED_PROXIES = set(env.list("TRUSTED_PROXIES", default=[]))
# Plain http is for one's own machine only: any other host name turns on secure cookies.
LOCAL_ONLY = set(ALLOWED_HOSTS) <= LOOPBACK

ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"
INSTALLED_APPS = [
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_tasks_db",
    "dashboard",
    "numbers",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # pads at random, so lengths tell nothing about tokens
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.middleware.request_id",
    "dashboard.middleware.client_address",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.middleware.login_for_htmx",
    "dashboard.middleware.session_life",
    "dashboard.middleware.second_factor",
    "dashboard.middleware.LoginRequired",
    "allauth.account.middleware.AccountMiddleware",
    "numbers.middleware.tell_the_history",
    "numbers.middleware.roles",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.middleware.private_pages",
    "dashboard.middleware.odd_requests_of_the_admin",
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
                "dashboard.context.frame",
                "numbers.context.frame",
            ],
            "builtins": ["dashboard.templatetags.addresses", "dashboard.templatetags.remembering"],
        },
    }
]

# --- Database -------------------------------------------------------------------------------
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'dashboard.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # FULL: a committed row is on the disk before a purchase is sent, even when the power fails.
    # IMMEDIATE: a transaction that will write takes its turn at the start instead of failing halfway.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        " PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;",
    }
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
elif env.bool("DATABASE_PREPARE", default=True):
    # Statements of `numbers.prepared` are planned once a connection. Not behind a pooler that gives each
    # transaction another one.
    DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = 2
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "dashboard_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # else 300 made-up names would push the counted guesses out
    }
}

# A task only rings a bell: the books say what is to be done, and the sweeper rings again.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# --- People and browsers --------------------------------------------------------------------
LOGIN_URL = LOGOUT_REDIRECT_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
# The second one is in sessions that began before there were roles.
AUTHENTICATION_BACKENDS = ["numbers.people.Backend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER, MFA_ADAPTER = "dashboard.door.AccountAdapter", "dashboard.door.MfaAdapter"
ACCOUNT_FORMS = {"login": "dashboard.door.NameForm"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
# Guesses: by address, and by the name whatever its address, but apart for each browser from which its owner
# has logged in (`dashboard.browsers`). Counted in the database, for all processes.
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key", "reauthenticate": "10/m/user"}
REAUTH_SECONDS = env.int("REAUTH_SECONDS", default=1800)
ACCOUNT_REAUTHENTICATION_TIMEOUT = REAUTH_SECONDS or 1800  # for changes of one's own second factors
# More lines than this in one order: who buys them must have shown within REAUTH_SECONDS who they are.
REAUTH_LINES = env.int("REAUTH_LINES", default=20)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "dashboard.codes.AuthenticateForm",
    "reauthenticate": "dashboard.codes.ReauthenticateForm",
}
MFA_PASSKEY_LOGIN_ENABLED = MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER, MFA_TOTP_TOLERANCE = "Fluents numbers", 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = LOCAL_ONLY
SESSION_ENGINE = "numbers.sessions"
SESSION_COOKIE_AGE = env.int("SESSION_SECONDS", default=12 * 3600)  # at the longest
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", default=1800)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL_ONLY
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
if not LOCAL_ONLY:
    # A name that browsers take from this host alone, over TLS, for all of it.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=365 * 24 * 3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool("HSTS_SUBDOMAINS", default=False)
    # The proxy that speaks TLS says so in this header, and sends what came in clear over to TLS.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", default=False)
    # What a proxy decides: subdomains, preloading, and where plain http is sent to.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "dashboard.views.csrf_failure"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],  # the UI kit's stylesheet holds small pictures as data
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
# Goes into one <meta> of every page. Polls give up early; nothing may evaluate strings as code.
HTMX_CONFIG = {
    "timeout": 10000,
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "historyCacheSize": 0,
    "historyRestoreAsHxRequest": False,
    "refreshOnHistoryMiss": True,
    "scrollBehavior": "auto",
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "422", "swap": True},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}

# --- Telling people -------------------------------------------------------------------------
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")  # begins the links in messages
EMAIL_URL = secret("EMAIL_URL")
NOTIFY_BY_MAIL = bool(EMAIL_URL)
MAILERS = {"default": mailer(EMAIL_URL or "smtp://localhost:25")}
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="Fluents numbers <numbers@localhost>")
NOTIFY_WEBHOOK_URL = secret("NOTIFY_WEBHOOK_URL")
NOTIFY_WEBHOOK_SECRET = secret("NOTIFY_WEBHOOK_SECRET")

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

LOG_FORMAT = env.str("LOG_FORMAT", default="text")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"chosen": {"()": FORMATTERS.get(LOG_FORMAT, FORMATTERS["text"])}},
    "filters": {"request_id": {"()": "dashboard.logs.AddRequestId"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "chosen", "filters": ["request_id"]}
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "numbers": {"level": "INFO"},
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django_tasks_db": {"level": "WARNING"},
        "django.tasks": {"level": "WARNING"},
    },
}

# --- Monitoring -----------------------------------------------------------------------------
# /metrics answers whoever shows the token, and these addresses when they come without a proxy.
METRICS_TOKEN = secret("METRICS_TOKEN")
METRICS_ADDRESSES = env.list("METRICS_ADDRESSES", default=[])

# --- Fluents --------------------------------------------------------------------------------
FLUENTS_API_URL = env.str("FLUENTS_API_URL", default="https://api.fluents.ai").rstrip("/")
FLUENTS_API_TOKEN = secret("FLUENTS_API_TOKEN")
FLUENTS_CONNECT_TIMEOUT = env.float("FLUENTS_CONNECT_TIMEOUT", default=3.0)
FLUENTS_READ_TIMEOUT = env.float("FLUENTS_READ_TIMEOUT", default=45.0)
FLUENTS_LIVE = urlsplit(FLUENTS_API_URL).hostname not in LOOPBACK
# Nobody spends real money with a password alone.
REQUIRE_MFA = env.bool("REQUIRE_MFA", default=FLUENTS_LIVE and not DEBUG)
SECOND_FACTOR_FOR = "numbers.roles.is_guarded"  # says of an account whether it is bound by that
# Off where an account's search does not list numbers for sale: lines are then bought by area code.
FLUENTS_SEARCH = env.bool("FLUENTS_SEARCH", default=True)
SYNC_SECONDS = env.float("SYNC_SECONDS", default=600.0)
TELEPHONY_PROVIDERS = env.list("TELEPHONY_PROVIDERS", default=["twilio", "telnyx"])
PLAN_IN_FLIGHT = max(1, env.int("PLAN_IN_FLIGHT", default=8))

# --- Buying ---------------------------------------------------------------------------------
LEASE_SECONDS = env.float("LEASE_SECONDS", default=90.0)
SETTLE_WINDOW = env.float("SETTLE_WINDOW", default=900.0)
GATE_RATE = env.float("GATE_RATE", default=1.0)
GATE_IN_FLIGHT = env.int("GATE_IN_FLIGHT", default=2)
BREAKER_UNKNOWNS = env.int("BREAKER_UNKNOWNS", default=3)
BREAKER_SHARE = env.int("BREAKER_SHARE", default=20)
JOURNAL_PATH = Path(env.str("JOURNAL_PATH", default=str(VAR_DIR / "sends.journal")))
MAX_LINES_PER_ORDER = env.int("MAX_LINES_PER_ORDER", default=1000)
MAX_LINES_PER_USER_DAY = env.int("MAX_LINES_PER_USER_DAY", default=0)
MAX_LINES_PER_DAY = env.int("MAX_LINES_PER_DAY", default=0)
MAX_COST_PER_ORDER = env.float("MAX_COST_PER_ORDER", default=0)
MAX_COST_PER_DAY = env.float("MAX_COST_PER_DAY", default=0)
# An order of more lines, or of a higher estimate, waits until another person has approved it; 0 never.
APPROVAL_LINES = env.int("APPROVAL_LINES", default=0)
APPROVAL_COST = env.float("APPROVAL_COST", default=0)
