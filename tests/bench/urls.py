"""What the list is compared with: Django's admin over the same table, raw SQL with the same HTML, a hello."""

from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path

from numbers.models import Number
from numbers.roles import PAGES, Right
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


site = admin.AdminSite("bench")
site.register(Number, SameAdmin)


def hello(request) -> HttpResponse:
    """What logging in costs alone."""
    return HttpResponse(f"hello {request.user.get_username()}")


PAGES.update(dict.fromkeys(["bench-hello", "bench-raw"], (Right.VIEW, None)))
urlpatterns = [
    path("bench/hello/", hello, name="bench-hello"),
    path("bench/raw/", raw_list, name="bench-raw"),
    path("bench/admin/", site.urls),
    path("", include("dashboard.urls")),
]
