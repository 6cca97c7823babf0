import os

from django.core.wsgi import get_wsgi_application

from .start import refuse_to_start

os.umask(0o077)  # what we write is for our own user
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

application = get_wsgi_application()
refuse_to_start()  # gunicorn runs no checks
