from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("numbers", "0003_release_permission"),
    ]

    operations = [
        migrations.AddField(
            model_name="gate",
            name="sync_asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
