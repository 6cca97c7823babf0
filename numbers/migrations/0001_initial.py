import uuid

import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import numbers.models.inventory
import numbers.states


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="Agent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("api_id", models.CharField(max_length=200, unique=True, verbose_name="Fluents ID")),
                ("label", models.CharField(blank=True, max_length=200)),
                ("description", models.CharField(blank=True, max_length=200)),
                ("synced_at", models.DateTimeField(blank=True, null=True)),
                ("gone_at", models.DateTimeField(blank=True, null=True)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("known_as", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("language", models.CharField(blank=True, max_length=200)),
            ],
            options={"ordering": ["name", "id"]},
        ),
        migrations.CreateModel(
            name="Commit",
            fields=[
                ("n", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Connection",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("api_id", models.CharField(max_length=200, unique=True, verbose_name="Fluents ID")),
                ("label", models.CharField(blank=True, max_length=200)),
                ("description", models.CharField(blank=True, max_length=200)),
                ("synced_at", models.DateTimeField(blank=True, null=True)),
                ("gone_at", models.DateTimeField(blank=True, null=True)),
                ("telephony_provider", models.CharField(blank=True, max_length=50)),
            ],
            options={"ordering": ["telephony_provider", "label", "id"]},
        ),
        migrations.CreateModel(
            name="CountedMonth",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(unique=True)),
                ("counted_at", models.DateTimeField(null=True)),
                ("seconds", models.FloatField(default=0)),
                ("last_event", models.BigIntegerField(default=0)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
            ],
            options={"ordering": ["-month"]},
        ),
        migrations.CreateModel(
            name="InvoiceLayout",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("telephony_provider", models.CharField(max_length=50)),
                ("columns", models.JSONField()),
                ("only", models.CharField(blank=True, max_length=200)),
                ("set_by_name", models.CharField(blank=True, max_length=150)),
                ("set_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"ordering": ["-id"]},
        ),
        migrations.CreateModel(
            name="Journal",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200, unique=True)),
                ("machine", models.CharField(max_length=200)),
                ("path", models.CharField(max_length=500)),
                ("begun_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("reported_at", models.DateTimeField(blank=True, null=True)),
                ("awaited", models.BooleanField(db_default=False, default=False)),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("requested_by", models.CharField(blank=True, max_length=150)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("differences", models.JSONField(blank=True, default=list)),
            ],
            options={"ordering": ["-id"]},
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=50, unique=True)),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.CreateModel(
            name="Alarm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("unanswered", "Calls not answered"),
                            ("wrong", "Wrong agent answered"),
                            ("silent", "Lines without calls"),
                            ("agent", "Agent deleted"),
                            ("review", "Purchase to confirm"),
                            ("breaker", "Buying stopped"),
                            ("sync", "Sync overdue"),
                            ("budget", "Budget nearly used"),
                        ],
                        max_length=10,
                    ),
                ),
                ("subject", models.CharField(blank=True, max_length=200)),
                ("text", models.CharField(max_length=300)),
                ("began_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["ended_at"], name="alarm_by_end")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("kind", "subject"),
                        name="alarm_open_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AlarmRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("unanswered", "Calls not answered"),
                            ("wrong", "Wrong agent answered"),
                            ("silent", "Lines without calls"),
                            ("agent", "Agent deleted"),
                            ("review", "Purchase to confirm"),
                            ("breaker", "Buying stopped"),
                            ("sync", "Sync overdue"),
                            ("budget", "Budget nearly used"),
                        ],
                        max_length=10,
                        unique=True,
                    ),
                ),
                ("on", models.BooleanField(default=False)),
                ("threshold", models.PositiveIntegerField(blank=True, null=True)),
                ("webhook", models.BooleanField(default=True)),
                ("slack", models.BooleanField(default=True)),
                ("set_by_name", models.CharField(blank=True, max_length=150)),
                ("set_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("people", models.ManyToManyField(blank=True, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name="CallEndpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("api_url", models.CharField(max_length=500)),
                ("exists", models.BooleanField(null=True)),
                ("alarming", models.BooleanField(default=False)),
                ("said", models.CharField(blank=True, max_length=500)),
                ("checked_at", models.DateTimeField()),
                ("checked_by", models.CharField(blank=True, max_length=150)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="call_endpoint_is_single")
                ]
            },
        ),
        migrations.CreateModel(
            name="CallReading",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("supported", models.BooleanField(null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("since", models.DateTimeField(blank=True, null=True)),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("floor", models.DateTimeField(blank=True, null=True)),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("page", models.PositiveIntegerField(default=1)),
                ("frontier", models.DateTimeField(blank=True, null=True)),
                ("unreadable", models.PositiveIntegerField(default=0)),
                ("counted_from", models.DateField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="call_reading_is_single")
                ]
            },
        ),
        migrations.CreateModel(
            name="Figures",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("counts", models.JSONField(default=dict)),
                ("counted_at", models.DateTimeField(null=True)),
                ("seconds", models.FloatField(default=0)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("last_event", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "figures",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="figures_are_single")
                ],
            },
        ),
        migrations.CreateModel(
            name="Gate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("paused", models.BooleanField(default=False)),
                ("pause_reason", models.CharField(blank=True, max_length=500)),
                ("paused_by", models.CharField(blank=True, max_length=150)),
                ("paused_at", models.DateTimeField(blank=True, null=True)),
                ("heals_with", models.CharField(blank=True, max_length=700)),
                ("books_doubted", models.BooleanField(default=False)),
                (
                    "breaker",
                    models.CharField(
                        choices=[
                            ("closed", "Working"),
                            ("half_open", "Trying one purchase"),
                            ("open", "Stopped"),
                        ],
                        default="closed",
                        max_length=10,
                    ),
                ),
                ("breaker_reason", models.CharField(blank=True, max_length=500)),
                ("breaker_at", models.DateTimeField(blank=True, null=True)),
                ("needs_person", models.BooleanField(default=False)),
                ("counting_from", models.DateTimeField(blank=True, null=True)),
                ("next_send_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("reconciled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "guarantee",
                    models.CharField(
                        blank=True,
                        choices=[
                            (numbers.states.Guarantee["EXACT"], numbers.states.Guarantee["EXACT"]),
                            (numbers.states.Guarantee["SNAPSHOT"], numbers.states.Guarantee["SNAPSHOT"]),
                            (numbers.states.Guarantee["BLIND"], numbers.states.Guarantee["BLIND"]),
                        ],
                        max_length=10,
                    ),
                ),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("pk", 1)), name="gate_is_single")]
            },
        ),
        migrations.CreateModel(
            name="Invoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("telephony_provider", models.CharField(max_length=50)),
                ("month", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("whole", models.BooleanField(default=True)),
                ("content", models.BinaryField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("columns", "Choose columns"),
                            ("waiting", "Matching"),
                            ("done", "Matched"),
                            ("refused", "Can't be read"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("uploaded_by_name", models.CharField(blank=True, max_length=150)),
                ("uploaded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("counts", models.JSONField(default=dict)),
                ("unread", models.JSONField(default=list)),
                ("errors", models.JSONField(default=list)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "connection",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="numbers.connection",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")), fields=["due_at"], name="invoice_due"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "currency__in",
                                (
                                    "AED",
                                    "AFN",
                                    "ALL",
                                    "AMD",
                                    "AOA",
                                    "ARS",
                                    "AUD",
                                    "AWG",
                                    "AZN",
                                    "BAM",
                                    "BBD",
                                    "BDT",
                                    "BHD",
                                    "BIF",
                                    "BMD",
                                    "BND",
                                    "BOB",
                                    "BRL",
                                    "BSD",
                                    "BTN",
                                    "BWP",
                                    "BYN",
                                    "BZD",
                                    "CAD",
                                    "CDF",
                                    "CHF",
                                    "CLP",
                                    "CNY",
                                    "COP",
                                    "CRC",
                                    "CUP",
                                    "CVE",
                                    "CZK",
                                    "DJF",
                                    "DKK",
                                    "DOP",
                                    "DZD",
                                    "EGP",
                                    "ERN",
                                    "ETB",
                                    "EUR",
                                    "FJD",
                                    "FKP",
                                    "GBP",
                                    "GEL",
                                    "GHS",
                                    "GIP",
                                    "GMD",
                                    "GNF",
                                    "GTQ",
                                    "GYD",
                                    "HKD",
                                    "HNL",
                                    "HTG",
                                    "HUF",
                                    "IDR",
                                    "ILS",
                                    "INR",
                                    "IQD",
                                    "IRR",
                                    "ISK",
                                    "JMD",
                                    "JOD",
                                    "JPY",
                                    "KES",
                                    "KGS",
                                    "KHR",
                                    "KMF",
                                    "KPW",
                                    "KRW",
                                    "KWD",
                                    "KYD",
                                    "KZT",
                                    "LAK",
                                    "LBP",
                                    "LKR",
                                    "LRD",
                                    "LSL",
                                    "LYD",
                                    "MAD",
                                    "MDL",
                                    "MGA",
                                    "MKD",
                                    "MMK",
                                    "MNT",
                                    "MOP",
                                    "MRU",
                                    "MUR",
                                    "MVR",
                                    "MWK",
                                    "MXN",
                                    "MYR",
                                    "MZN",
                                    "NAD",
                                    "NGN",
                                    "NIO",
                                    "NOK",
                                    "NPR",
                                    "NZD",
                                    "OMR",
                                    "PAB",
                                    "PEN",
                                    "PGK",
                                    "PHP",
                                    "PKR",
                                    "PLN",
                                    "PYG",
                                    "QAR",
                                    "RON",
                                    "RSD",
                                    "RUB",
                                    "RWF",
                                    "SAR",
                                    "SBD",
                                    "SCR",
                                    "SDG",
                                    "SEK",
                                    "SGD",
                                    "SHP",
                                    "SLE",
                                    "SOS",
                                    "SRD",
                                    "SSP",
                                    "STN",
                                    "SVC",
                                    "SYP",
                                    "SZL",
                                    "THB",
                                    "TJS",
                                    "TMT",
                                    "TND",
                                    "TOP",
                                    "TRY",
                                    "TTD",
                                    "TWD",
                                    "TZS",
                                    "UAH",
                                    "UGX",
                                    "USD",
                                    "UYU",
                                    "UYW",
                                    "UZS",
                                    "VED",
                                    "VES",
                                    "VND",
                                    "VUV",
                                    "WST",
                                    "XAD",
                                    "XAF",
                                    "XCD",
                                    "XCG",
                                    "XOF",
                                    "XPF",
                                    "YER",
                                    "ZAR",
                                    "ZMW",
                                    "ZWG",
                                ),
                            )
                        ),
                        name="invoice_currency_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Line",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Waiting"),
                            ("reserved", "Number chosen"),
                            ("sending", "Buying"),
                            ("bought", "Bought"),
                            ("failed", "Not bought"),
                            ("unknown", "Checking"),
                            ("review", "Needs you"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="planned",
                        max_length=10,
                    ),
                ),
                ("telephony_provider", models.CharField(max_length=50)),
                ("area_code", models.CharField(blank=True, max_length=3)),
                ("wanted_number", models.CharField(blank=True, max_length=16)),
                ("label", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("tags", models.JSONField(blank=True, db_default=[], default=list)),
                ("phone_number", models.CharField(blank=True, max_length=16)),
                (
                    "guarantee",
                    models.CharField(
                        choices=[
                            (numbers.states.Guarantee["EXACT"], numbers.states.Guarantee["EXACT"]),
                            (numbers.states.Guarantee["SNAPSHOT"], numbers.states.Guarantee["SNAPSHOT"]),
                            (numbers.states.Guarantee["BLIND"], numbers.states.Guarantee["BLIND"]),
                        ],
                        default=numbers.states.Guarantee["EXACT"],
                        max_length=10,
                    ),
                ),
                ("by_area_code", models.BooleanField(default=False)),
                ("holding", models.PositiveIntegerField(db_default=1, default=1)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("sends", models.PositiveIntegerField(default=0)),
                ("retries", models.PositiveIntegerField(default=0)),
                ("searches", models.PositiveIntegerField(default=0)),
                ("looks", models.PositiveIntegerField(default=0)),
                ("absences", models.PositiveIntegerField(default=0)),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "refusal",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("taken", "Not available"),
                            ("number", "Not this number"),
                            ("order", "Any number"),
                            ("account", "Token, funds, or plan"),
                            ("pace", "Rate limited"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                    ),
                ),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("lease_by", models.CharField(blank=True, db_default="", default="", max_length=32)),
                ("generation", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("raised", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="numbers.agent",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="numbers.connection",
                    ),
                ),
            ],
            options={
                "ordering": ["order", "position"],
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("state__in", ["planned", "reserved", "review", "sending", "unknown"])
                        ),
                        fields=["due_at"],
                        name="line_due",
                    ),
                    models.Index(
                        condition=models.Q(("lease_until__isnull", False)),
                        fields=["lease_until"],
                        name="line_leased",
                    ),
                    models.Index(fields=["state", "-id"], name="line_by_state"),
                    models.Index(
                        condition=models.Q(
                            ("state__in", ["planned", "reserved", "review", "sending", "unknown"])
                        ),
                        fields=["state"],
                        name="line_open_by_state",
                    ),
                    models.Index(
                        condition=models.Q(("phone_number", ""), _negated=True),
                        fields=["phone_number"],
                        name="line_by_number",
                    ),
                    models.Index(
                        condition=models.Q(("wanted_number", ""), _negated=True),
                        fields=["wanted_number"],
                        name="line_by_wanted",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("state__in", ["reserved", "review", "sending", "unknown"]),
                            models.Q(("phone_number", ""), _negated=True),
                        ),
                        fields=("phone_number",),
                        name="line_holds_number_alone",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("by_area_code", True), ("state__in", ["reserved", "sending", "unknown"])
                        ),
                        fields=("connection",),
                        name="line_by_area_code_alone",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "bought",
                                    "cancelled",
                                    "failed",
                                    "planned",
                                    "reserved",
                                    "review",
                                    "sending",
                                    "unknown",
                                ],
                            )
                        ),
                        name="line_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("area_code", ""), _negated=True),
                            models.Q(("wanted_number", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="line_wants_something",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("n", models.PositiveIntegerField()),
                ("generation", models.PositiveIntegerField()),
                ("phone_number", models.CharField(blank=True, max_length=16)),
                ("area_code", models.CharField(blank=True, max_length=3)),
                ("owned_before", models.JSONField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("sending", "Sent, no answer yet"),
                            ("bought", "Bought"),
                            ("refused", "Refused"),
                            ("unavailable", "Unavailable"),
                            ("rate_limited", "Rate limited"),
                            ("not_sent", "Nothing was sent"),
                            ("unknown", "No clear answer"),
                            ("other_number", "Different number in the answer"),
                        ],
                        default="sending",
                        max_length=12,
                    ),
                ),
                ("status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("detail", models.CharField(blank=True, max_length=500)),
                ("trial", models.BooleanField(default=False)),
                ("answer", models.JSONField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="numbers.line",
                    ),
                ),
            ],
            options={
                "ordering": ["line", "n"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("finished_at__isnull", False)),
                        fields=["-finished_at"],
                        name="attempt_finished",
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("line", "n"), name="attempt_n_once")],
            },
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("complete", models.BooleanField()),
                ("found", models.BooleanField()),
                ("phone_numbers", models.JSONField(default=list)),
                ("detail", models.CharField(blank=True, max_length=500)),
                (
                    "line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="look_ups",
                        to="numbers.line",
                    ),
                ),
            ],
            options={"ordering": ["line", "id"]},
        ),
        migrations.CreateModel(
            name="MonthCost",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("all", "All lines"), ("agent", "Agent"), ("tag", "Tag")], max_length=5
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=200)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("lines", models.PositiveIntegerField()),
                ("used", models.PositiveIntegerField(null=True)),
                ("cost", models.DecimalField(decimal_places=2, max_digits=14)),
                (
                    "month",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="costs",
                        to="numbers.countedmonth",
                    ),
                ),
            ],
            options={
                "ordering": ["-month__month", "kind", "-cost", "name", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("month", "kind", "key", "currency"), name="month_cost_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("order.finished", "An order finished"),
                            ("order.approval", "An order needs approval"),
                            ("order.decided", "An order was approved or refused"),
                            ("line.review", "A purchase needs you"),
                            ("gate.stopped", "Buying stopped automatically"),
                            ("calls.alarm", "A check may have placed a call"),
                            ("account.changed", "Your account was changed"),
                            ("account.login", "New login"),
                            ("alarm.began", "An alarm"),
                            ("alarm.ended", "An alarm has ended"),
                            ("alarm.digest", "The day's alarms"),
                        ],
                        max_length=20,
                    ),
                ),
                ("occasion", models.CharField(max_length=60, unique=True)),
                ("text", models.CharField(max_length=500)),
                ("about", models.JSONField(blank=True, default=dict)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                (
                    "line",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="numbers.line",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("seen_at", None)), fields=["user", "-id"], name="notice_unseen"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("mail", "Email"), ("webhook", "Webhook"), ("slack", "Slack")], max_length=10
                    ),
                ),
                ("to", models.EmailField(blank=True, max_length=254)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.CharField(blank=True, max_length=200)),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="numbers.notice",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="delivery_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("notice", "channel", "to"), name="delivery_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Number",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("e164", models.CharField(max_length=16, unique=True, verbose_name="number")),
                ("api_id", models.CharField(blank=True, max_length=200, verbose_name="Fluents ID")),
                ("telephony_provider", models.CharField(blank=True, max_length=50)),
                ("label", models.CharField(blank=True, max_length=200)),
                ("description", models.CharField(blank=True, max_length=1000)),
                ("outbound_only", models.BooleanField(default=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("inactive", "Inactive"),
                            ("gone", "Gone from Fluents"),
                            ("released", "Released"),
                            ("detached", "Detached"),
                        ],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("area_code", models.CharField(blank=True, db_default="", default="", max_length=3)),
                ("region", models.CharField(blank=True, db_default="", default="", max_length=2)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("bought", "Bought here"),
                            ("found", "Found in Fluents"),
                            ("linked", "Linked"),
                        ],
                        db_default="found",
                        default="found",
                        max_length=10,
                    ),
                ),
                ("drift", models.JSONField(blank=True, db_default={}, default=dict)),
                ("drifted", models.BooleanField(db_default=False, default=False)),
                (
                    "standing",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Explained"),
                            ("unexplained", "Unexplained"),
                            ("holds", "Blocks its area"),
                            ("waived", "Waived"),
                        ],
                        db_default="",
                        default="",
                        max_length=12,
                    ),
                ),
                (
                    "answer",
                    models.JSONField(
                        blank=True, default=dict, verbose_name="latest Fluents response, known fields only"
                    ),
                ),
                ("digest", models.CharField(blank=True, db_default="", default="", max_length=16)),
                ("holding", models.PositiveIntegerField(db_default=1, default=1)),
                ("bought_at", models.DateTimeField(blank=True, null=True)),
                ("bought_by", models.CharField(blank=True, max_length=150)),
                ("synced_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("calls_30", models.PositiveIntegerField(db_default=0, default=0)),
                ("wrong_agent", models.BooleanField(db_default=False, default=False)),
                ("last_call_at", models.DateTimeField(blank=True, null=True)),
                (
                    "quiet_since",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.functions.comparison.Coalesce(
                            django.db.models.functions.comparison.Greatest(
                                models.F("last_call_at"),
                                django.db.models.functions.comparison.Coalesce(
                                    models.F("bought_at"), models.F("last_call_at")
                                ),
                            ),
                            models.F("bought_at"),
                            models.F("created_at"),
                        ),
                        output_field=models.DateTimeField(),
                    ),
                ),
                ("answerer", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("search_text", models.TextField(blank=True, db_default="", default="")),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="numbers",
                        to="numbers.agent",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="numbers",
                        to="numbers.connection",
                    ),
                ),
                ("tags", models.ManyToManyField(blank=True, related_name="numbers", to="numbers.tag")),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["agent", "-id"], name="number_by_agent"),
                    models.Index(fields=["connection", "-id"], name="number_by_connection"),
                    models.Index(fields=["region", "-id"], name="number_by_region"),
                    models.Index(fields=["region", "e164"], name="number_by_region_e164"),
                    models.Index(fields=["area_code", "-id"], name="number_by_area_code"),
                    models.Index(fields=["status", "id"], name="number_by_status"),
                    models.Index(fields=["telephony_provider", "-id"], name="number_by_provider"),
                    models.Index(fields=["agent", "status", "-id"], name="number_by_agent_status"),
                    models.Index(fields=["connection", "status", "-id"], name="number_by_conn_status"),
                    models.Index(fields=["region", "status", "-id"], name="number_by_region_status"),
                    models.Index(
                        condition=models.Q(("drifted", True)),
                        fields=[
                            "drifted",
                            "-id",
                            "status",
                            "agent",
                            "connection",
                            "telephony_provider",
                            "region",
                            "area_code",
                            "wrong_agent",
                            "e164",
                            "label",
                            "answerer",
                            "bought_at",
                            "synced_at",
                            "calls_30",
                            "last_call_at",
                            "quiet_since",
                        ],
                        name="number_drifted",
                    ),
                    models.Index(
                        condition=models.Q(("drift__holds", "appeared")),
                        fields=["-id"],
                        name="number_drift_appeared",
                    ),
                    models.Index(
                        condition=models.Q(("drift__holds", "gone")), fields=["-id"], name="number_drift_gone"
                    ),
                    models.Index(
                        condition=models.Q(("drift__holds", "agent")),
                        fields=["-id"],
                        name="number_drift_agent",
                    ),
                    models.Index(
                        condition=models.Q(("drift__holds", "label")),
                        fields=["-id"],
                        name="number_drift_label",
                    ),
                    models.Index(
                        condition=models.Q(("drift__holds", "outbound_only")),
                        fields=["-id"],
                        name="number_drift_outbound_only",
                    ),
                    models.Index(
                        condition=models.Q(("drift__holds", "description")),
                        fields=["-id"],
                        name="number_drift_description",
                    ),
                    numbers.models.inventory.NullsLast(fields=["-bought_at", "-id"], name="number_by_bought"),
                    numbers.models.inventory.NullsLast(fields=["-synced_at", "-id"], name="number_by_synced"),
                    numbers.models.inventory.NullsLast(
                        fields=["-last_call_at", "-id"], name="number_by_last_call"
                    ),
                    models.Index(fields=["calls_30", "id"], name="number_by_calls"),
                    models.Index(fields=["label", "id"], name="number_by_label"),
                    models.Index(fields=["answerer", "id"], name="number_by_answerer"),
                    models.Index(fields=["quiet_since", "id"], name="number_by_quiet"),
                    models.Index(
                        condition=models.Q(("wrong_agent", True)),
                        fields=["wrong_agent", "-id"],
                        name="number_wrong_agent",
                    ),
                    models.Index(
                        condition=models.Q(("agent", None)), fields=["id"], name="number_unassigned"
                    ),
                    models.Index(
                        condition=models.Q(("standing", ""), _negated=True),
                        fields=["standing"],
                        name="number_unexplained",
                    ),
                    models.Index(
                        condition=models.Q(("agent", None)), fields=["status"], name="number_unassigned_count"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("e164__startswith", "+")), name="number_is_e164"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="line",
            name="number",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="numbers.number",
            ),
        ),
        migrations.CreateModel(
            name="Finding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("strange", "Billed, not ours"),
                            ("unbilled", "Ours, not billed"),
                            ("price", "Price differs"),
                            ("away", "Released, still billed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("e164", models.CharField(max_length=16)),
                ("rows", models.JSONField(default=list)),
                ("billed", models.DecimalField(blank=True, decimal_places=4, max_digits=14, null=True)),
                ("expected", models.DecimalField(blank=True, decimal_places=2, max_digits=12, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("text", models.CharField(max_length=300)),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="findings",
                        to="numbers.invoice",
                    ),
                ),
                (
                    "number",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="numbers.number",
                    ),
                ),
            ],
            options={
                "ordering": ["invoice", "kind", "id"],
                "indexes": [models.Index(fields=["invoice", "-id"], name="finding_by_invoice")],
                "constraints": [
                    models.UniqueConstraint(fields=("invoice", "kind", "e164"), name="finding_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="NumberDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("incoming", models.PositiveIntegerField(default=0)),
                ("outgoing", models.PositiveIntegerField(default=0)),
                ("answered", models.PositiveIntegerField(default=0)),
                ("wrong", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("lasting", models.PositiveIntegerField(default=0)),
                ("seconds", models.PositiveBigIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="numbers.agent",
                    ),
                ),
                (
                    "number",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="call_days",
                        to="numbers.number",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day", "number"], name="number_day_by_day")],
                "constraints": [
                    models.UniqueConstraint(fields=("number", "day", "agent"), name="number_day_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("agent", None)),
                        fields=("number", "day"),
                        name="number_day_of_nobody_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("form_token", models.CharField(max_length=64, unique=True)),
                ("requested_by_name", models.CharField(blank=True, max_length=150)),
                ("quantity", models.PositiveIntegerField()),
                ("cost_once", models.DecimalField(blank=True, decimal_places=2, max_digits=12, null=True)),
                ("cost_monthly", models.DecimalField(blank=True, decimal_places=2, max_digits=12, null=True)),
                ("currency", models.CharField(db_default="USD", default="USD", max_length=3)),
                (
                    "approval",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Not needed"),
                            ("waiting", "Waiting for approval"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                            ("withdrawn", "Cancelled"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                    ),
                ),
                ("prove_from", models.CharField(blank=True, db_default="", default="", max_length=16)),
                ("proving", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Open"),
                            ("whole", "Bought"),
                            ("partial", "Partly bought"),
                            ("nothing", "Not bought"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "again_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tried_again",
                        to="numbers.order",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["created_at", "requested_by"], name="order_by_day"),
                    models.Index(condition=models.Q(("told_at", None)), fields=["id"], name="order_untold"),
                    models.Index(
                        condition=models.Q(("approval", "waiting")), fields=["-id"], name="order_waiting"
                    ),
                    models.Index(fields=["requested_by_name", "created_at", "id"], name="order_by_name"),
                    models.Index(fields=["created_at", "id"], name="order_by_time"),
                    models.Index(fields=["ending", "-id"], name="order_by_ending"),
                    models.Index(condition=models.Q(("proving", True)), fields=["id"], name="order_proving"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cost_monthly", None), ("cost_once", None)),
                            models.Q(("cost_monthly__gte", 0), ("cost_once__gte", 0)),
                            _connector="OR",
                        ),
                        name="order_estimate_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "currency__in",
                                (
                                    "AED",
                                    "AFN",
                                    "ALL",
                                    "AMD",
                                    "AOA",
                                    "ARS",
                                    "AUD",
                                    "AWG",
                                    "AZN",
                                    "BAM",
                                    "BBD",
                                    "BDT",
                                    "BHD",
                                    "BIF",
                                    "BMD",
                                    "BND",
                                    "BOB",
                                    "BRL",
                                    "BSD",
                                    "BTN",
                                    "BWP",
                                    "BYN",
                                    "BZD",
                                    "CAD",
                                    "CDF",
                                    "CHF",
                                    "CLP",
                                    "CNY",
                                    "COP",
                                    "CRC",
                                    "CUP",
                                    "CVE",
                                    "CZK",
                                    "DJF",
                                    "DKK",
                                    "DOP",
                                    "DZD",
                                    "EGP",
                                    "ERN",
                                    "ETB",
                                    "EUR",
                                    "FJD",
                                    "FKP",
                                    "GBP",
                                    "GEL",
                                    "GHS",
                                    "GIP",
                                    "GMD",
                                    "GNF",
                                    "GTQ",
                                    "GYD",
                                    "HKD",
                                    "HNL",
                                    "HTG",
                                    "HUF",
                                    "IDR",
                                    "ILS",
                                    "INR",
                                    "IQD",
                                    "IRR",
                                    "ISK",
                                    "JMD",
                                    "JOD",
                                    "JPY",
                                    "KES",
                                    "KGS",
                                    "KHR",
                                    "KMF",
                                    "KPW",
                                    "KRW",
                                    "KWD",
                                    "KYD",
                                    "KZT",
                                    "LAK",
                                    "LBP",
                                    "LKR",
                                    "LRD",
                                    "LSL",
                                    "LYD",
                                    "MAD",
                                    "MDL",
                                    "MGA",
                                    "MKD",
                                    "MMK",
                                    "MNT",
                                    "MOP",
                                    "MRU",
                                    "MUR",
                                    "MVR",
                                    "MWK",
                                    "MXN",
                                    "MYR",
                                    "MZN",
                                    "NAD",
                                    "NGN",
                                    "NIO",
                                    "NOK",
                                    "NPR",
                                    "NZD",
                                    "OMR",
                                    "PAB",
                                    "PEN",
                                    "PGK",
                                    "PHP",
                                    "PKR",
                                    "PLN",
                                    "PYG",
                                    "QAR",
                                    "RON",
                                    "RSD",
                                    "RUB",
                                    "RWF",
                                    "SAR",
                                    "SBD",
                                    "SCR",
                                    "SDG",
                                    "SEK",
                                    "SGD",
                                    "SHP",
                                    "SLE",
                                    "SOS",
                                    "SRD",
                                    "SSP",
                                    "STN",
                                    "SVC",
                                    "SYP",
                                    "SZL",
                                    "THB",
                                    "TJS",
                                    "TMT",
                                    "TND",
                                    "TOP",
                                    "TRY",
                                    "TTD",
                                    "TWD",
                                    "TZS",
                                    "UAH",
                                    "UGX",
                                    "USD",
                                    "UYU",
                                    "UYW",
                                    "UZS",
                                    "VED",
                                    "VES",
                                    "VND",
                                    "VUV",
                                    "WST",
                                    "XAD",
                                    "XAF",
                                    "XCD",
                                    "XCG",
                                    "XOF",
                                    "XPF",
                                    "YER",
                                    "ZAR",
                                    "ZMW",
                                    "ZWG",
                                ),
                            )
                        ),
                        name="order_currency_known",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="notice",
            name="order",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="notices",
                to="numbers.order",
            ),
        ),
        migrations.AddField(
            model_name="line",
            name="order",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="numbers.order",
            ),
        ),
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("form_token", models.CharField(max_length=500)),
                ("telephony_provider", models.CharField(max_length=50)),
                ("telephony_account_connection", models.CharField(max_length=200)),
                ("wants", models.JSONField()),
                ("source", models.CharField(blank=True, max_length=200)),
                ("warnings", models.JSONField(blank=True, db_default=[], default=list)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drafts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "again_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="numbers.order",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["created_at"], name="draft_by_age")]},
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("why", models.CharField(max_length=200)),
                ("asked_by_name", models.CharField(blank=True, max_length=150)),
                ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("decided_by_name", models.CharField(blank=True, max_length=150)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Not needed"),
                            ("waiting", "Waiting for approval"),
                            ("approved", "Approved"),
                            ("refused", "Refused"),
                            ("withdrawn", "Cancelled"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="question",
                        to="numbers.order",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("asked_by", None),
                            ("decided_by", None),
                            models.Q(("decided_by", models.F("asked_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="approval_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at", None), ("decision", "")),
                            models.Q(
                                models.Q(("decision", ""), _negated=True), ("decided_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="approval_decided_whole",
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="Plan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "act",
                    models.CharField(
                        choices=[
                            ("change", "Change"),
                            ("release", "Release"),
                            ("detach", "Detach"),
                            ("push", "Keep ours"),
                        ],
                        default="change",
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("working", "Preparing"),
                            ("draft", "Draft"),
                            ("applying", "In progress"),
                            ("done", "Finished"),
                            ("discarded", "Discarded"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("requested_by_name", models.CharField(blank=True, max_length=150)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("note", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("counts", models.JSONField(blank=True, db_default={}, default=dict)),
                ("key", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("prove_from", models.CharField(blank=True, db_default="", default="", max_length=16)),
                ("proving", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "undo_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undone_by",
                        to="numbers.plan",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["state"], name="plan_by_state"),
                    models.Index(condition=models.Q(("proving", True)), fields=["id"], name="plan_proving"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor_name", models.CharField(blank=True, max_length=150)),
                ("address", models.CharField(blank=True, db_default="", default="", max_length=45)),
                ("action", models.CharField(max_length=50)),
                ("before", models.JSONField(blank=True, default=dict)),
                ("after", models.JSONField(blank=True, default=dict)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="numbers.agent",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="numbers.line",
                    ),
                ),
                (
                    "number",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="numbers.number",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="numbers.order",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="numbers.plan",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["action", "-id"], name="event_by_action"),
                    models.Index(fields=["actor_name", "-id"], name="event_by_actor"),
                    models.Index(fields=["at", "id"], name="event_by_time"),
                    models.Index(
                        condition=models.Q(("agent__isnull", False)),
                        fields=["agent", "-id"],
                        name="event_by_agent",
                    ),
                    models.Index(
                        condition=models.Q(("plan__isnull", False)),
                        fields=["plan", "-id"],
                        name="event_by_plan",
                    ),
                    models.Index(
                        condition=models.Q(("plan", None), ("number", None), _connector="OR"),
                        fields=["-id"],
                        name="event_unfolded",
                    ),
                    models.Index(
                        condition=models.Q(("plan", None), ("number", None), _connector="OR"),
                        fields=["actor_name", "at", "id"],
                        name="event_unfolded_by_actor",
                    ),
                    models.Index(
                        condition=models.Q(("plan", None), ("number", None), _connector="OR"),
                        fields=["at", "id"],
                        name="event_unfolded_by_time",
                    ),
                    models.Index(
                        condition=models.Q(("request_id", ""), _negated=True),
                        fields=["request_id"],
                        name="event_by_request",
                    ),
                    models.Index(fields=["order", "action"], name="event_by_order"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlanRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ready", "Waiting"),
                            ("applying", "Changing"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("skipped", "Skipped"),
                        ],
                        default="ready",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("needless", models.BooleanField(default=False)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("waits", models.PositiveIntegerField(default=0)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("generation", models.PositiveIntegerField(default=0)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "number",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="plan_rows",
                        to="numbers.number",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rows", to="numbers.plan"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "indexes": [
                    models.Index(fields=["plan", "state", "id"], name="plan_row_by_state"),
                    models.Index(
                        condition=models.Q(("state__in", ["applying", "ready"])),
                        fields=["due_at"],
                        name="plan_row_due",
                    ),
                    models.Index(
                        condition=models.Q(("state", "failed")), fields=["plan"], name="plan_row_failed"
                    ),
                    models.Index(
                        condition=models.Q(("lease_until__isnull", False)),
                        fields=["lease_until"],
                        name="plan_row_leased",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "number"), name="plan_row_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "applying")), fields=("number",), name="plan_row_alone"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlanSource",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("items", models.JSONField(default=list)),
                ("changes", models.JSONField(default=dict)),
                ("content", models.BinaryField(null=True)),
                ("total", models.PositiveIntegerField(default=0)),
                ("position", models.PositiveIntegerField(default=0)),
                ("errors", models.JSONField(default=list)),
                (
                    "plan",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="source", to="numbers.plan"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("telephony_provider", models.CharField(max_length=50)),
                (
                    "once",
                    models.DecimalField(
                        decimal_places=2, default=0, max_digits=8, verbose_name="setup fee, per line"
                    ),
                ),
                (
                    "monthly",
                    models.DecimalField(decimal_places=2, max_digits=8, verbose_name="monthly, per line"),
                ),
                ("currency", models.CharField(default="USD", max_length=3)),
                (
                    "valid_from",
                    models.DateField(default=django.utils.timezone.localdate, verbose_name="valid from"),
                ),
                ("set_by_name", models.CharField(blank=True, max_length=150)),
                ("set_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "connection",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="numbers.connection",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("telephony_provider", "connection", "valid_from"), name="price_once_a_day"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("connection", None)),
                        fields=("telephony_provider", "valid_from"),
                        name="price_once_a_provider_and_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("monthly__gte", 0), ("once__gte", 0)),
                        name="price_not_negative",
                        violation_error_message="A price can't be negative.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "currency__in",
                                (
                                    "AED",
                                    "AFN",
                                    "ALL",
                                    "AMD",
                                    "AOA",
                                    "ARS",
                                    "AUD",
                                    "AWG",
                                    "AZN",
                                    "BAM",
                                    "BBD",
                                    "BDT",
                                    "BHD",
                                    "BIF",
                                    "BMD",
                                    "BND",
                                    "BOB",
                                    "BRL",
                                    "BSD",
                                    "BTN",
                                    "BWP",
                                    "BYN",
                                    "BZD",
                                    "CAD",
                                    "CDF",
                                    "CHF",
                                    "CLP",
                                    "CNY",
                                    "COP",
                                    "CRC",
                                    "CUP",
                                    "CVE",
                                    "CZK",
                                    "DJF",
                                    "DKK",
                                    "DOP",
                                    "DZD",
                                    "EGP",
                                    "ERN",
                                    "ETB",
                                    "EUR",
                                    "FJD",
                                    "FKP",
                                    "GBP",
                                    "GEL",
                                    "GHS",
                                    "GIP",
                                    "GMD",
                                    "GNF",
                                    "GTQ",
                                    "GYD",
                                    "HKD",
                                    "HNL",
                                    "HTG",
                                    "HUF",
                                    "IDR",
                                    "ILS",
                                    "INR",
                                    "IQD",
                                    "IRR",
                                    "ISK",
                                    "JMD",
                                    "JOD",
                                    "JPY",
                                    "KES",
                                    "KGS",
                                    "KHR",
                                    "KMF",
                                    "KPW",
                                    "KRW",
                                    "KWD",
                                    "KYD",
                                    "KZT",
                                    "LAK",
                                    "LBP",
                                    "LKR",
                                    "LRD",
                                    "LSL",
                                    "LYD",
                                    "MAD",
                                    "MDL",
                                    "MGA",
                                    "MKD",
                                    "MMK",
                                    "MNT",
                                    "MOP",
                                    "MRU",
                                    "MUR",
                                    "MVR",
                                    "MWK",
                                    "MXN",
                                    "MYR",
                                    "MZN",
                                    "NAD",
                                    "NGN",
                                    "NIO",
                                    "NOK",
                                    "NPR",
                                    "NZD",
                                    "OMR",
                                    "PAB",
                                    "PEN",
                                    "PGK",
                                    "PHP",
                                    "PKR",
                                    "PLN",
                                    "PYG",
                                    "QAR",
                                    "RON",
                                    "RSD",
                                    "RUB",
                                    "RWF",
                                    "SAR",
                                    "SBD",
                                    "SCR",
                                    "SDG",
                                    "SEK",
                                    "SGD",
                                    "SHP",
                                    "SLE",
                                    "SOS",
                                    "SRD",
                                    "SSP",
                                    "STN",
                                    "SVC",
                                    "SYP",
                                    "SZL",
                                    "THB",
                                    "TJS",
                                    "TMT",
                                    "TND",
                                    "TOP",
                                    "TRY",
                                    "TTD",
                                    "TWD",
                                    "TZS",
                                    "UAH",
                                    "UGX",
                                    "USD",
                                    "UYU",
                                    "UYW",
                                    "UZS",
                                    "VED",
                                    "VES",
                                    "VND",
                                    "VUV",
                                    "WST",
                                    "XAD",
                                    "XAF",
                                    "XCD",
                                    "XCG",
                                    "XOF",
                                    "XPF",
                                    "YER",
                                    "ZAR",
                                    "ZMW",
                                    "ZWG",
                                ),
                            )
                        ),
                        name="price_currency_known",
                        violation_error_message="Use an ISO 4217 currency code in capitals, such as USD or EUR.",
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="Proof",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("token", models.CharField(max_length=64, unique=True)),
                ("asked_by", models.CharField(blank=True, max_length=150)),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("earlier", models.JSONField(default=list)),
                ("call_id", models.CharField(blank=True, max_length=200)),
                ("status", models.CharField(blank=True, max_length=20)),
                ("seconds", models.PositiveIntegerField(default=0)),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Testing"),
                            ("answers", "Answers"),
                            ("wrong", "Wrong agent"),
                            ("silent", "No answer"),
                            ("unclear", "Couldn't be told"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="numbers.agent",
                    ),
                ),
                (
                    "answered_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="numbers.agent",
                    ),
                ),
                (
                    "line",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proof",
                        to="numbers.line",
                    ),
                ),
                (
                    "number",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proofs",
                        to="numbers.number",
                    ),
                ),
                (
                    "probe",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="numbers.number",
                    ),
                ),
                (
                    "row",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proof",
                        to="numbers.planrow",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(condition=models.Q(("verdict", "")), fields=["due_at"], name="proof_due"),
                    models.Index(fields=["asked_at"], name="proof_by_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("verdict", "")), fields=("number",), name="proof_one_at_a_time"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PutAway",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("what", models.CharField(max_length=30)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "snoozed",
                "constraints": [models.UniqueConstraint(fields=("user", "what"), name="put_away_once")],
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("query", models.CharField(max_length=2000)),
                ("shared", models.BooleanField(db_default=False, default=False)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "constraints": [models.UniqueConstraint(fields=("user", "name"), name="saved_view_once")],
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("n", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("hash", models.CharField(max_length=64)),
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="seal", to="numbers.event"
                    ),
                ),
            ],
            options={"ordering": ["n"]},
        ),
        migrations.CreateModel(
            name="SeenCall",
            fields=[
                ("call_id", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("start_at", models.DateTimeField()),
                ("answered", models.BooleanField(null=True)),
                (
                    "number",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="numbers.number",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["start_at"], name="seen_call_by_start"),
                    models.Index(fields=["number", "start_at"], name="seen_call_by_number"),
                ]
            },
        ),
        migrations.CreateModel(
            name="Snooze",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("purchases", "Purchases to confirm"),
                            ("approvals", "Approvals"),
                            ("unassigned", "Unassigned"),
                            ("agents", "Deleted agents"),
                            ("differences", "Differences"),
                            ("changes", "Failed changes"),
                            ("idle", "Idle"),
                        ],
                        max_length=12,
                    ),
                ),
                ("item", models.PositiveBigIntegerField()),
                ("until", models.DateTimeField()),
                ("reason", models.CharField(max_length=200)),
                ("by_name", models.CharField(max_length=150)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["until"], name="snooze_by_until")],
                "constraints": [models.UniqueConstraint(fields=("kind", "item"), name="snooze_once")],
            },
        ),
        migrations.CreateModel(
            name="SyncRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="sync_request_is_single")
                ]
            },
        ),
        migrations.CreateModel(
            name="SyncState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                ("synced_at", models.DateTimeField(blank=True, null=True)),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("api_host", models.CharField(blank=True, max_length=200)),
                ("user_id", models.CharField(blank=True, max_length=200)),
                ("doubt", models.JSONField(blank=True, default=dict)),
                ("gone_accepted", models.PositiveIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="sync_state_is_single")
                ]
            },
        ),
        migrations.CreateModel(
            name="Budget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=2, max_digits=12)),
                ("set_by_name", models.CharField(blank=True, max_length=150)),
                ("set_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "tag",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="budget", to="numbers.tag"
                    ),
                ),
            ],
            options={
                "ordering": ["tag__name"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="budget_is_something")
                ],
            },
        ),
        migrations.CreateModel(
            name="TypedForm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("values", models.JSONField(default=dict)),
                ("saved_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="typed_form",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AccountLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[("invitation", "Invitation"), ("reset", "Password reset")], max_length=10
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("made_by_name", models.CharField(max_length=150)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("used_at", None)), fields=("user",), name="one_open_link_a_person"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="AgentDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("incoming", models.PositiveIntegerField(default=0)),
                ("outgoing", models.PositiveIntegerField(default=0)),
                ("answered", models.PositiveIntegerField(default=0)),
                ("wrong", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("lasting", models.PositiveIntegerField(default=0)),
                ("seconds", models.PositiveBigIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="numbers.agent",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("day", "agent"), name="agent_day_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("agent", None)), fields=("day",), name="day_of_nobody_once"
                    ),
                ]
            },
        ),
        migrations.AddConstraint(
            model_name="line",
            constraint=models.UniqueConstraint(fields=("order", "position"), name="line_position_once"),
        ),
        migrations.AddConstraint(
            model_name="line",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "bought")),
                fields=("number", "holding"),
                name="line_bought_holding_alone",
            ),
        ),
        migrations.AddConstraint(
            model_name="line",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "bought"), _negated=True), ("number__isnull", False), _connector="OR"
                ),
                name="line_bought_has_number",
            ),
        ),
    ]
