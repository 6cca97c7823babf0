"""All settings, read from the environment or from the file `.env` beside `manage.py`.

`setting_catalog` has what can be set; docs/settings.md is printed from it. Anything dangerous is off unless
asked for.
"""

import sys
from pathlib import Path

import environ
from django.utils.csp import CSP

from .logs import FORMATTERS
from .mailer import mailer
from .setting_catalog import BASE_DIR, VAR_DIR, read_env_file, value
from .static_headers import add_headers

MIGRATING = {"migrate", "restore", "setup", "upgrade"}  # commands that may wait long for the database
LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}
read_env_file()

# --- Django ---------------------------------------------------------------------------------
DEBUG = value("DEBUG")
SECRET_KEY = value("SECRET_KEY") or ("for-development-only-" * 3 if DEBUG else "")
SECRET_KEY_FALLBACKS = value("SECRET_KEY_FALLBACKS")  # earlier ones, while sessions live on
HAS_SECRET_KEY = bool(SECRET_KEY)  # Django refuses to say that it is empty
ALLOWED_HOSTS = value("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = value("CSRF_TRUSTED_ORIGINS")
# Addresses and networks of proxies whose X-Forwarded-For is believed; `unix` for one at a socket file.
TRUSTED_PROXIES = set(value("TRUSTED_PROXIES"))
MAX_BODY = 6 * 1024 * 1024  # bytes of a request, as deploy/nginx.conf has it
# Plain http is for one's own machine only: any other host name turns on secure cookies.
LOCAL_ONLY = set(ALLOWED_HOSTS) <= LOOPBACK

ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"
INSTALLED_APPS = [
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "dashboard",
    "numbers",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "dashboard.compression.gzipped",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.middleware.request_id",
    "dashboard.middleware.client_address",
    "dashboard.middleware.bounded_body",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "numbers.middleware.set_up_first",
    "dashboard.middleware.login_for_htmx",
    "dashboard.middleware.session_life",
    "dashboard.middleware.second_factor",
    "dashboard.middleware.LoginRequired",
    "allauth.account.middleware.AccountMiddleware",
    "numbers.middleware.tell_the_history",
    "numbers.middleware.Roles",
    "numbers.middleware.Live",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.middleware.private_pages",
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
                "dashboard.context_processors.frame",
                "numbers.context_processors.frame",
            ],
            "builtins": ["django.templatetags.static"],
        },
    }
]

# --- Database -------------------------------------------------------------------------------
DATABASES = {
    "default": environ.Env.db_url_config(
        value("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'dashboard.sqlite3'}")
    )
}
DATABASE_PASSWORD = str(DATABASES["default"].get("PASSWORD") or "")  # so that logs know it
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # FULL: a committed row is on the disk before a purchase is sent, even when the power fails.
    # IMMEDIATE: a transaction that will write takes its turn at the start instead of failing halfway.
    # Each thread's connection keeps half a megabyte of pages instead of SQLite's own two: the system keeps
    # the file in memory for all of them, so more made processes grow for hours and no page quicker.
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        " PRAGMA temp_store=MEMORY; PRAGMA cache_size=-512;",
    }
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
else:
    from .database import check, patient

    # A wait for the database's answer ends with an error after so many seconds. Migrations may take longer.
    DATABASE_PATIENCE = value("DATABASE_PATIENCE", default=0 if set(sys.argv[1:2]) & MIGRATING else 15)
    # A process shares its connections between its threads, which hold one only while they use it.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"] = {
        "pool": {
            "min_size": 1,
            "max_size": value("DATABASE_POOL"),
            "timeout": 20,
            "max_idle": 60,
            "reconnect_timeout": 5,  # else its pauses double for minutes, and outlast those of the server
            "connection_class": patient(DATABASE_PATIENCE),
            "check": check,
        },
        # A server, or a way to it, that has gone silent is given up within these seconds.
        "connect_timeout": 5,
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": 20_000,  # milliseconds
        # And the server gives up on us: nobody waits for longer than that for what we have locked.
        "options": "-c idle_in_transaction_session_timeout=15s -c lock_timeout=10s"
        " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2",
        **DATABASES["default"].get("OPTIONS", {}),
    }
    if value("DATABASE_PREPARE"):
        # Statements of `numbers.db.prepared` are planned once a connection. Not behind a pooler that gives
        # each transaction another one.
        DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 2
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "dashboard_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # else 300 made-up names would push the counted guesses out
    },
    # What `{% cache %}` keeps in this process, by everything that it shows; some kilobytes each.
    "template_fragments": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 100},
    },
}

# --- People and browsers --------------------------------------------------------------------
LOGIN_URL = LOGOUT_REDIRECT_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "dashboard.accounts.passwords.GuessablePasswordValidator"},
]
ACCOUNT_ADAPTER, MFA_ADAPTER = (
    "dashboard.accounts.views.AccountAdapter",
    "dashboard.accounts.views.MfaAdapter",
)
# Single sign-on at the provider of OIDC_ISSUER, if there is one.
OIDC_ISSUER = value("OIDC_ISSUER")
OIDC_CLIENT_ID = value("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = value("OIDC_CLIENT_SECRET")
OIDC_NAME = value("OIDC_NAME")
OIDC_ROLE_CLAIM = value("OIDC_ROLE_CLAIM")
OIDC_ROLES = value("OIDC_ROLES")  # values of that claim: our roles
OIDC_MFA_ACR = value("OIDC_MFA_ACR")  # values of acr that stand for a second factor
OIDC_ONLY = value("OIDC_ONLY")
OIDC_LOCAL_ACCOUNT = value("OIDC_LOCAL_ACCOUNT")  # with OIDC_ONLY: it alone keeps a password
SIGN_ON = "numbers.services.people.sign_on.admit"  # says who comes in, and as what
SOCIALACCOUNT_ADAPTER = "dashboard.accounts.single_sign_on.SocialAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "APPS": [
            {
                "provider_id": "sso",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER, "oauth_pkce_enabled": True},
            }
        ]
    }
}
ACCOUNT_FORMS = {"login": "dashboard.accounts.views.NameForm"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
# Guesses: by address, and by the name whatever its address, but apart for each browser from which its owner
# has logged in (`dashboard.accounts.known_browsers`). Counted in the database, for all processes.
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key", "reauthenticate": "10/m/user"}
REAUTH_SECONDS = value("REAUTH_SECONDS")
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300  # for changes of one's own second factors
# More lines than this in one order: who buys them must have shown within REAUTH_SECONDS who they are.
REAUTH_LINES = value("REAUTH_LINES")
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "dashboard.accounts.totp.AuthenticateForm",
    "reauthenticate": "dashboard.accounts.totp.ReauthenticateForm",
}
MFA_PASSKEY_LOGIN_ENABLED = MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER, MFA_TOTP_TOLERANCE = "Fluents numbers", 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = LOCAL_ONLY
SESSION_ENGINE = "numbers.db.sessions"
AUTHENTICATION_BACKENDS = ["numbers.db.sessions.UserBackend"]
SESSION_COOKIE_AGE = value("SESSION_SECONDS")  # at the longest
SESSION_IDLE_SECONDS = value("SESSION_IDLE_SECONDS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL_ONLY
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
if not LOCAL_ONLY:
    # A name that browsers take from this host alone, over TLS, for all of it.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    SECURE_HSTS_SECONDS = value("HSTS_SECONDS")
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = value("HSTS_SUBDOMAINS")
    # The proxy that speaks TLS says so in this header, and sends what came in clear over to TLS.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = value("SSL_REDIRECT")
    # What a proxy decides: subdomains, preloading, and where plain http is sent to.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
MESSAGE_STORAGE = "dashboard.cookies.Messages"
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
    "defaultSettleDelay": 0,  # what is swapped in is laid out once, not again 20 ms later
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
SITE_URL = value("SITE_URL").rstrip("/")  # begins the links in messages
EMAIL_URL = value("EMAIL_URL")
NOTIFY_BY_MAIL = bool(EMAIL_URL)
MAILERS = {"default": mailer(EMAIL_URL or "smtp://localhost:25")}
EMAIL_PASSWORD = MAILERS["default"].get("OPTIONS", {}).get("password", "")  # so that logs know it
DEFAULT_FROM_EMAIL = value("MAIL_FROM")
NOTIFY_WEBHOOK_URL = value("NOTIFY_WEBHOOK_URL")
NOTIFY_WEBHOOK_SECRET = value("NOTIFY_WEBHOOK_SECRET")
NOTIFY_SLACK_URL = value("NOTIFY_SLACK_URL")
ALARM_QUIET_FROM = value("ALARM_QUIET_FROM")
ALARM_QUIET_TO = value("ALARM_QUIET_TO")
ALARM_DIGEST = value("ALARM_DIGEST")

LANGUAGE_CODE = "en-us"
USE_I18N = False  # every text is in English, so nothing is looked up in a catalog
TIME_ZONE = value("TIME_ZONE")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = value("STATIC_ROOT")
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False  # other sites have no business with our files
WHITENOISE_ADD_HEADERS_FUNCTION = add_headers
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

LOG_FORMAT = value("LOG_FORMAT")
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
    },
}

# --- Monitoring -----------------------------------------------------------------------------
# /metrics answers requests with the token, and these addresses when they come without a proxy.
METRICS_TOKEN = value("METRICS_TOKEN")
METRICS_ADDRESSES = value("METRICS_ADDRESSES")

# --- Fluents --------------------------------------------------------------------------------
FLUENTS_API_URL = value("FLUENTS_API_URL").rstrip("/")
FLUENTS_API_TOKEN = value("FLUENTS_API_TOKEN")
FLUENTS_CONNECT_TIMEOUT = value("FLUENTS_CONNECT_TIMEOUT")
FLUENTS_READ_TIMEOUT = value("FLUENTS_READ_TIMEOUT")
# Whether money is spent. Said, never guessed from the address: a tunnel to the real API is at 127.0.0.1, too.
FLUENTS_LIVE = value("FLUENTS_LIVE")
# Nobody spends real money with a password alone.
REQUIRE_MFA = value("REQUIRE_MFA", default=FLUENTS_LIVE and not DEBUG)
SECOND_FACTOR_FOR = "numbers.permissions.is_guarded"  # says of an account whether it is bound by that
STILL_MAY = "numbers.middleware.still_may"  # refuses what comes back after confirming, if the right is gone
# Off where an account's search does not list numbers for sale: lines are then bought by area code.
FLUENTS_SEARCH = value("FLUENTS_SEARCH")
SYNC_SECONDS = value("SYNC_SECONDS")
CALLS_SECONDS = value("CALLS_SECONDS")
IDLE_DAYS = value("IDLE_DAYS")
PROOF_CALLS_PER_DAY = value("PROOF_CALLS_PER_DAY")
PROOF_SAMPLE = value("PROOF_SAMPLE")
TELEPHONY_PROVIDERS = value("TELEPHONY_PROVIDERS")
PLAN_IN_FLIGHT = value("PLAN_IN_FLIGHT")

# --- Buying ---------------------------------------------------------------------------------
LEASE_SECONDS = value("LEASE_SECONDS")
SETTLE_WINDOW = value("SETTLE_WINDOW")
REFUSAL_WINDOW = value("REFUSAL_WINDOW")
GATE_RATE = value("GATE_RATE")
GATE_IN_FLIGHT = value("GATE_IN_FLIGHT")
BREAKER_UNKNOWNS = value("BREAKER_UNKNOWNS")
BREAKER_SHARE = value("BREAKER_SHARE")
JOURNAL_PATH = value("JOURNAL_PATH")
MAX_LINES_PER_ORDER = value("MAX_LINES_PER_ORDER")
MAX_LINES_PER_USER_DAY = value("MAX_LINES_PER_USER_DAY")
MAX_LINES_PER_DAY = value("MAX_LINES_PER_DAY")
MAX_COST_PER_ORDER = value("MAX_COST_PER_ORDER")
MAX_COST_PER_DAY = value("MAX_COST_PER_DAY")
LIMIT_CURRENCY = value("LIMIT_CURRENCY")  # of every limit on cost
# An order of more lines, or of a higher estimate, waits until another person has approved it; 0 never.
APPROVAL_LINES = value("APPROVAL_LINES")
APPROVAL_COST = value("APPROVAL_COST")
BUDGET_MONTH = value("BUDGET_MONTH")
APPROVAL_HOURS = value("APPROVAL_HOURS")  # in which one person's orders count together
