from django.urls import path, register_converter

from dashboard.later import Later

agents = Later("numbers.views.agents")
basket = Later("numbers.views.basket")
buying = Later("numbers.views.buying")
desk = Later("numbers.views.desk")
drift = Later("numbers.views.drift")
exchange = Later("numbers.views.exchange")
history = Later("numbers.views.history")
inventory = Later("numbers.views.inventory")
listing = Later("numbers.views.listing")
number = Later("numbers.views.number")
operations = Later("numbers.views.operations")
plans = Later("numbers.views.plans")
queue = Later("numbers.views.queue")
receipts = Later("numbers.views.receipts")
release = Later("numbers.views.release")
safety = Later("numbers.views.safety")


class E164Converter:
    regex = r"\+[0-9]{7,15}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(E164Converter, "e164")

urlpatterns = [
    path("", inventory.overview, name="overview"),
    path("tour/end/", inventory.tour_end, name="tour-end"),
    path("notices/<int:pk>/seen/", inventory.notice_seen, name="notice-seen"),
    path("help/", inventory.help_page, name="help"),
    path("numbers/", listing.number_list, name="number-list"),
    path("numbers/views/", listing.view_save, name="view-save"),
    path("numbers/views/<int:pk>/delete/", listing.view_delete, name="view-delete"),
    path("numbers/sync/", drift.sync_start, name="sync"),
    path("numbers/link/", release.number_link, name="number-link"),
    path("numbers/upload/", exchange.upload, name="upload"),
    path("numbers/export.csv", exchange.numbers_csv, name="numbers-csv"),
    path("numbers/export.json", exchange.numbers_json, name="numbers-json"),
    path("numbers/<e164:e164>/", number.number_detail, name="number"),
    path("numbers/<e164:e164>/release/", release.number_release, name="number-release"),
    path("numbers/<e164:e164>/detach/", release.number_detach, name="number-detach"),
    path("numbers/<e164:e164>/assign/", listing.number_assign, name="number-assign"),
    path("unassigned/", queue.unassigned, name="unassigned"),
    path("unassigned/assign/", queue.assign_next, name="assign-next"),
    path("plans/", plans.plan_list, name="plan-list"),
    path("plans/new/", plans.plan_new, name="plan-new"),
    path("plans/<int:pk>/", plans.plan_detail, name="plan"),
    path("plans/<int:pk>/apply/", plans.plan_apply, name="plan-apply"),
    path("plans/<int:pk>/discard/", plans.plan_discard, name="plan-discard"),
    path("plans/<int:pk>/stop/", plans.plan_stop, name="plan-stop"),
    path("plans/<int:pk>/retry/", plans.plan_retry, name="plan-retry"),
    path("plans/<int:pk>/undo/", plans.plan_undo, name="plan-undo"),
    path("plans/give-up/", release.plan_give_up, name="plan-give-up"),
    path("plans/<int:pk>/give-up/", release.plan_prove, name="plan-prove"),
    path("agents/", agents.agent_list, name="agent-list"),
    path("agents/<int:pk>/", agents.agent_detail, name="agent"),
    path("agents/<int:pk>/replace/", agents.agent_replace, name="agent-replace"),
    path("agents/<int:pk>/acknowledge/", agents.agent_acknowledge, name="agent-acknowledge"),
    path("drift/", drift.drift, name="drift"),
    path("drift/decide/", drift.drift_decide, name="drift-decide"),
    path("orders/", buying.order_list, name="order-list"),
    path("orders/new/", basket.order_new, name="order-new"),
    path("orders/new/file/", basket.wants_upload, name="wants-upload"),
    path("orders/new/template.csv", basket.wants_template, name="wants-template"),
    path("orders/<int:pk>/", buying.order_detail, name="order"),
    path("orders/<int:pk>/approve/", buying.order_approve, name="order-approve"),
    path("orders/<int:pk>/refuse/", buying.order_refuse, name="order-refuse"),
    path("orders/<int:pk>/cancel/", receipts.order_cancel, name="order-cancel"),
    path("orders/<int:pk>/again/", receipts.order_again, name="order-again"),
    path("orders/<int:pk>/receipt/", receipts.receipt, name="receipt"),
    path("orders/<int:pk>/receipt.csv", receipts.receipt_csv, name="receipt-csv"),
    path("orders/<int:pk>/receipt.json", receipts.receipt_json, name="receipt-json"),
    path("lines/<int:pk>/cancel/", buying.line_cancel, name="line-cancel"),
    path("review/", desk.review, name="review"),
    path("review/<int:pk>/", desk.review_line, name="review-line"),
    path("review/<int:pk>/look/", desk.review_look, name="review-look"),
    path("gate/", safety.gate, name="gate"),
    path("gate/switch/", safety.gate_switch, name="gate-switch"),
    path("reconcile/", safety.reconcile, name="reconcile"),
    path("reconcile/start/", safety.reconcile_start, name="reconcile-start"),
    path("reconcile/<e164:e164>/keep/", safety.acknowledge, name="acknowledge"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.metrics, name="metrics"),
    path("activity/", history.activity, name="activity"),
    path("activity/export.csv", history.activity_csv, name="activity-csv"),
    path("activity/export.json", history.activity_json, name="activity-json"),
]
