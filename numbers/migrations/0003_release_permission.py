from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("numbers", "0002_inventory"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="number",
            options={
                "ordering": ["-id"],
                "permissions": [("release_number", "Can release and detach numbers")],
            },
        ),
    ]
