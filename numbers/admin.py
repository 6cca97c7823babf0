"""The price table is edited here. The books can be read, and nothing else: services write them."""

from django.contrib import admin

from .models import Agent, Approval, Attempt, Connection, Event, Line, Number, Order, Price
from .roles import Right, may
from .services.history import By
from .services.pricing import described, tell_price

admin.site.has_permission = lambda request: may(request.user, Right.MANAGE)


@admin.register(Price)
class PriceAdmin(admin.ModelAdmin):
    list_display = ["telephony_provider", "connection", "once", "monthly", "currency"]

    def save_model(self, request, obj, form, change) -> None:
        was = described(Price.objects.filter(pk=obj.pk).first()) if change else {}
        super().save_model(request, obj, form, change)
        tell_price(by=By.person(request.user, request.id), before=was, after=described(obj))

    def delete_model(self, request, obj) -> None:
        tell_price(by=By.person(request.user, request.id), before=described(obj), after={})
        super().delete_model(request, obj)

    def delete_queryset(self, request, queryset) -> None:
        for price in queryset:
            self.delete_model(request, price)


class ReadOnly(admin.ModelAdmin):
    """Shows rows and changes none. No total, which would count the whole table for each page."""

    show_full_result_count = False

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(Number)
class NumberAdmin(ReadOnly):
    list_display = ["e164", "agent", "connection", "status", "bought_at"]
    list_select_related = ["agent", "connection"]
    search_fields = ["e164"]


@admin.register(Line)
class LineAdmin(ReadOnly):
    list_display = ["id", "order", "position", "state", "phone_number", "reason"]
    list_filter = ["state"]
    list_select_related = ["order"]


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ["at", "action", "actor_name", "reason"]
    list_filter = ["action"]


admin.site.register([Agent, Approval, Attempt, Connection, Order], ReadOnly)
