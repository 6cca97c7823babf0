"""What the list is compared with: Django's admin as it comes and tuned, raw SQL, a hello."""

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.urls import include, path

from numbers.models import Number
from numbers.permissions import PAGES, Right
from tests.bench.raw import raw_list


class SameAdmin(admin.ModelAdmin):
    """The admin with our columns, rows a page, filters and search. Its search may use our index."""

    list_display = [
        "e164", "label", "agent", "telephony_provider", "connection", "status", "bought_at", "synced_at"
    ]  # fmt: skip
    list_filter = ["status", "agent", "connection"]
    list_per_page = 100
    list_select_related = ["agent", "connection"]
    search_fields = ["search_text__contains"]
    ordering = ["-id"]


class Uncounted(Paginator):
    """Pages that nobody has counted: the admin asks for a number of pages all the time."""

    count = 1_000_000


class TunedAdmin(SameAdmin):
    """The same without what costs most there: no actions, no boxes to tick, and nothing is counted."""

    actions = None
    show_full_result_count = False
    paginator = Uncounted


site, tuned = admin.AdminSite("bench"), admin.AdminSite("tuned")
site.register(Number, SameAdmin)
tuned.register(Number, TunedAdmin)


def hello(request) -> HttpResponse:
    """What logging in costs alone."""
    return HttpResponse(f"hello {request.user.get_username()}")


CHANGELISTS = [f"{name}:numbers_number_changelist" for name in ("bench", "tuned")]
PAGES.update(dict.fromkeys(["bench-hello", "bench-raw", *CHANGELISTS], (Right.VIEW, None)))
urlpatterns = [
    path("bench/hello/", hello, name="bench-hello"),
    path("bench/raw/", raw_list, name="bench-raw"),
    path("bench/admin/", site.urls),
    path("bench/tuned/", tuned.urls),
    path("", include("dashboard.urls")),
]
