from typing import Any

from django.db import migrations, models

from audit.permanent import PERMANENT


def seal_what_is_there(apps: Any, schema_editor: Any) -> None:
    """The rows of the releases before the chain are its first links."""
    from audit import sealing

    last = apps.get_model("audit", "AuditEntry").objects.aggregate(last=models.Max("id"))["last"]
    sealing.adopt(last or 0)


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_page_indexes'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditLink',
            fields=[
                ('seq', models.BigAutoField(primary_key=True, serialize=False)),
                ('audit_id', models.BigIntegerField(unique=True)),
                ('prev_hash', models.CharField(max_length=64, unique=True)),
                ('row_hash', models.CharField(max_length=64)),
                ('key_id', models.CharField(max_length=16)),
            ],
            options={
                'db_table': 'console_audit_chain',
                'default_permissions': (),
            },
        ),
        migrations.RunPython(seal_what_is_there, migrations.RunPython.noop),
        PERMANENT,
    ]
