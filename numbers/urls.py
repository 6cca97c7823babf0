from django.urls import path, register_converter

from .views import buying, desk, inventory, safety


class E164Converter:
    regex = r"\+[0-9]{7,15}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(E164Converter, "e164")

urlpatterns = [
    path("", inventory.overview, name="overview"),
    path("numbers/", inventory.number_list, name="number-list"),
    path("numbers/sync/", inventory.sync_start, name="sync"),
    path("numbers/<e164:e164>/", inventory.number_detail, name="number"),
    path("orders/", buying.order_list, name="order-list"),
    path("orders/new/", buying.order_new, name="order-new"),
    path("orders/<int:pk>/", buying.order_detail, name="order"),
    path("lines/<int:pk>/cancel/", buying.line_cancel, name="line-cancel"),
    path("review/", desk.review, name="review"),
    path("review/<int:pk>/", desk.review_line, name="review-line"),
    path("review/<int:pk>/look/", desk.review_look, name="review-look"),
    path("gate/", safety.gate, name="gate"),
    path("gate/switch/", safety.gate_switch, name="gate-switch"),
    path("reconcile/", safety.reconcile, name="reconcile"),
    path("reconcile/start/", safety.reconcile_start, name="reconcile-start"),
    path("reconcile/<e164:e164>/keep/", safety.acknowledge, name="acknowledge"),
    path("activity/", inventory.activity, name="activity"),
]
