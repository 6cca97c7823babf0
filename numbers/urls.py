from django.urls import path, register_converter

from .views import (
    account,
    activity,
    agents,
    alarms,
    attention,
    drift,
    find,
    gate,
    help,  # noqa: A004 -- named after its address
    lines,
    metrics,
    notices,
    overview,
    people,
    prices,
    readyz,
    reconcile,
    review,
    tour,
    unassigned,
)
from .views.costs import budgets as costs_budgets
from .views.costs import export as costs_export
from .views.costs import list as costs_list
from .views.invoices import detail as invoice_detail
from .views.invoices import list as invoice_list
from .views.numbers import assign, export, link, prove, release, saved_views, sync, upload
from .views.numbers import detail as number_detail
from .views.numbers import list as number_list
from .views.orders import again, new, receipt
from .views.orders import detail as order_detail
from .views.orders import list as order_list
from .views.plans import detail as plan_detail
from .views.plans import give_up, take_back
from .views.plans import list as plan_list
from .views.plans import new as plan_new


class E164Converter:
    regex = r"\+[0-9]{7,15}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(E164Converter, "e164")

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("tour/end/", tour.tour_end, name="tour-end"),
    path("attention/", attention.attention, name="attention"),
    path("attention/snooze/", attention.attention_snooze, name="attention-snooze"),
    path("attention/wake/", attention.attention_wake, name="attention-wake"),
    path("alarms/", alarms.alarms, name="alarms"),
    path("notices/", notices.notice_list, name="notice-list"),
    path("help/", help.help_page, name="help"),
    path("find/", find.find, name="find"),
    path("numbers/", number_list.number_list, name="number-list"),
    path("numbers/selected/", number_list.number_selected, name="number-selected"),
    path("numbers/views/", saved_views.view_save, name="view-save"),
    path("numbers/views/<int:pk>/delete/", saved_views.view_delete, name="view-delete"),
    path("numbers/sync/", sync.sync_start, name="sync"),
    path("numbers/link/", link.number_link, name="number-link"),
    path("numbers/upload/", upload.upload, name="upload"),
    path("numbers/export.csv", export.numbers_csv, name="numbers-csv"),
    path("numbers/export.json", export.numbers_json, name="numbers-json"),
    path("numbers/<e164:e164>/", number_detail.number_detail, name="number"),
    path("numbers/<e164:e164>/release/", release.number_release, name="number-release"),
    path("numbers/<e164:e164>/detach/", release.number_detach, name="number-detach"),
    path("numbers/<e164:e164>/prove/", prove.number_prove, name="number-prove"),
    path("numbers/<e164:e164>/prove/check/", prove.number_prove_check, name="number-prove-check"),
    path("numbers/<e164:e164>/assign/", assign.number_assign, name="number-assign"),
    path("unassigned/", unassigned.unassigned, name="unassigned"),
    path("unassigned/assign/", unassigned.assign_next, name="assign-next"),
    path("plans/", plan_list.plan_list, name="plan-list"),
    path("plans/new/", plan_new.plan_new, name="plan-new"),
    path("plans/<int:pk>/", plan_detail.plan_detail, name="plan"),
    path("plans/<int:pk>/apply/", plan_detail.plan_apply, name="plan-apply"),
    path("plans/<int:pk>/discard/", plan_detail.plan_discard, name="plan-discard"),
    path("plans/<int:pk>/stop/", plan_detail.plan_stop, name="plan-stop"),
    path("plans/<int:pk>/retry/", plan_detail.plan_retry, name="plan-retry"),
    path("plans/<int:pk>/take-back/", take_back.plan_take_back, name="plan-take-back"),
    path("plans/<int:pk>/undo/", plan_detail.plan_undo, name="plan-undo"),
    path("plans/give-up/", give_up.plan_give_up, name="plan-give-up"),
    path("plans/<int:pk>/give-up/", give_up.plan_prove, name="plan-prove"),
    path("agents/", agents.agent_list, name="agent-list"),
    path("agents/<int:pk>/", agents.agent_detail, name="agent"),
    path("agents/<int:pk>/replace/", agents.agent_replace, name="agent-replace"),
    path("agents/<int:pk>/acknowledge/", agents.agent_acknowledge, name="agent-acknowledge"),
    path("drift/", drift.drift, name="drift"),
    path("drift/decide/", drift.drift_decide, name="drift-decide"),
    path("orders/", order_list.order_list, name="order-list"),
    path("orders/new/", new.order_new, name="order-new"),
    path("orders/new/typed/", new.form_typed, name="order-typed"),
    path("orders/new/row/", new.row_hint, name="order-row"),
    path("orders/new/start-over/", new.start_over, name="order-start-over"),
    path("orders/new/file/", new.wants_upload, name="wants-upload"),
    path("orders/new/template.csv", new.wants_template, name="wants-template"),
    path("orders/<int:pk>/", order_detail.order_detail, name="order"),
    path("orders/<int:pk>/approve/", order_detail.order_approve, name="order-approve"),
    path("orders/<int:pk>/refuse/", order_detail.order_refuse, name="order-refuse"),
    path("orders/<int:pk>/cancel/", order_detail.order_cancel, name="order-cancel"),
    path("orders/<int:pk>/assign/", order_detail.order_assign, name="order-assign"),
    path("orders/<int:pk>/again/", again.order_again, name="order-again"),
    path("orders/<int:pk>/receipt/", receipt.receipt, name="receipt"),
    path("orders/<int:pk>/receipt.csv", receipt.receipt_csv, name="receipt-csv"),
    path("orders/<int:pk>/receipt.json", receipt.receipt_json, name="receipt-json"),
    path("lines/<int:pk>/cancel/", lines.line_cancel, name="line-cancel"),
    path("review/", review.review, name="review"),
    path("review/<int:pk>/", review.review_line, name="review-line"),
    path("review/<int:pk>/look/", review.review_look, name="review-look"),
    path("gate/", gate.gate, name="gate"),
    path("gate/switch/", gate.gate_switch, name="gate-switch"),
    path("gate/accept/", gate.gate_accept, name="gate-accept"),
    path("gate/retire/", gate.gate_retire, name="gate-retire"),
    path("gate/explain/", gate.gate_explain, name="gate-explain"),
    path("gate/baseline/", gate.gate_baseline, name="gate-baseline"),
    path("reconcile/", reconcile.reconcile, name="reconcile"),
    path("reconcile/start/", reconcile.reconcile_start, name="reconcile-start"),
    path("reconcile/<e164:e164>/keep/", reconcile.acknowledge, name="acknowledge"),
    path("readyz", readyz.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("activity/", activity.activity, name="activity"),
    path("activity/export.csv", activity.activity_csv, name="activity-csv"),
    path("activity/export.json", activity.activity_json, name="activity-json"),
    path("costs/", costs_list.costs, name="costs"),
    path("costs/export.csv", costs_export.costs_csv, name="costs-csv"),
    path("costs/budgets/", costs_budgets.budget_set, name="budget"),
    path("invoices/", invoice_list.invoice_list, name="invoice-list"),
    path("invoices/<int:pk>/", invoice_detail.invoice_detail, name="invoice"),
    path("invoices/<int:pk>/findings.csv", invoice_detail.invoice_csv, name="invoice-csv"),
    path("people/", people.people_list, name="people"),
    path("people/invite/", people.person_invite, name="person-invite"),
    path("people/<int:pk>/", people.person_detail, name="person"),
    path("people/<int:pk>/roles/", people.person_roles, name="person-roles"),
    path("people/<int:pk>/switch/", people.person_switch, name="person-switch"),
    path("people/<int:pk>/sessions/", people.person_sessions, name="person-sessions"),
    path("people/<int:pk>/factors/", people.person_factors, name="person-factors"),
    path("people/<int:pk>/link/", people.person_link, name="person-link"),
    path("prices/", prices.prices, name="prices"),
    path("prices/<int:pk>/remove/", prices.price_remove, name="price-remove"),
    path("account/", account.account, name="account"),
    path("account/sessions/<int:pk>/end/", account.session_end, name="session-end"),
    path("account/link/<str:token>/", account.choose_password, name="account-link"),
]
