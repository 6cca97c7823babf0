"""Prices and accounts are edited here. The books can be read, and nothing else: services write them."""

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

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


class PersonAdmin(UserAdmin):
    """Accounts. Whoever is no superuser makes nobody one, and leaves those who are alone."""

    list_display = ["username", "roles", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser", "groups"]

    @admin.display(description="Roles")
    def roles(self, user) -> str:
        return ", ".join(group.name for group in user.groups.all())

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request, obj=None) -> list[str]:
        more = [] if request.user.is_superuser else ["is_staff", "is_superuser", "user_permissions"]
        return [*super().get_readonly_fields(request, obj), *more]

    def has_change_permission(self, request, obj=None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (request.user.is_superuser or not (obj and obj.is_superuser))


class FactorAdmin(ReadOnly):
    """Second factors. One that its owner has lost is taken away here; the owner then sets up another."""

    list_display = fields = ["user", "type", "created_at", "last_used_at"]

    def has_delete_permission(self, request, obj=None) -> bool:
        allowed = admin.ModelAdmin.has_delete_permission(self, request, obj)
        return allowed and bool(obj) and (request.user.is_superuser or not obj.user.is_superuser)


admin.site.unregister([User, Authenticator])
admin.site.register(User, PersonAdmin)
admin.site.register(Authenticator, FactorAdmin)
