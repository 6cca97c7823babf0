import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone


def old_ends_are_no_news(apps, editor) -> None:
    """Orders that had ended before this version are not told of any more."""
    moving = ["planned", "reserved", "sending", "unknown"]
    lines = apps.get_model("numbers", "Line").objects.filter(order=models.OuterRef("pk"), state__in=moving)
    apps.get_model("numbers", "Order").objects.filter(~models.Exists(lines)).update(told_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("numbers", "0006_sealed_history"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
                    models.CharField(choices=[("mail", "E-mail"), ("webhook", "Webhook")], max_length=10),
                ),
                ("to", models.EmailField(blank=True, max_length=254)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-id"],
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
                ("counted_at", models.DateTimeField()),
                ("seconds", models.FloatField(default=0)),
                ("last_event", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "figures",
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
                            ("order.finished", "An order has ended"),
                            ("line.review", "A line needs a person"),
                            ("gate.stopped", "Buying stopped by itself"),
                        ],
                        max_length=20,
                    ),
                ),
                ("occasion", models.CharField(max_length=60, unique=True)),
                ("text", models.CharField(max_length=500)),
                ("about", models.JSONField(blank=True, default=dict)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
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
            ],
            options={
                "verbose_name_plural": "put away",
            },
        ),
        migrations.AddField(
            model_name="order",
            name="told_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(condition=models.Q(("told_at", None)), fields=["id"], name="order_untold"),
        ),
        migrations.AddConstraint(
            model_name="figures",
            constraint=models.CheckConstraint(condition=models.Q(("pk", 1)), name="figures_are_single"),
        ),
        migrations.AddField(
            model_name="notice",
            name="line",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="notices",
                to="numbers.line",
            ),
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
            model_name="notice",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notices",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="notice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="numbers.notice"
            ),
        ),
        migrations.AddField(
            model_name="putaway",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("seen_at", None)), fields=["user", "-id"], name="notice_unseen"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="delivery_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("notice", "channel", "to"), name="delivery_once"),
        ),
        migrations.AddConstraint(
            model_name="putaway",
            constraint=models.UniqueConstraint(fields=("user", "what"), name="put_away_once"),
        ),
        migrations.RunPython(old_ends_are_no_news, migrations.RunPython.noop, elidable=True),
    ]
