"""The shop's celery application: its workers confirm orders.

python -m celery --app config.jobs worker
"""

import os
import time
from typing import Any

import django
from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

app: Any = Celery("shop", broker=settings.BROKER, backend=settings.TASK_RESULTS)
app.conf.task_track_started = True
if settings.BROKER_MESSAGES:
    folders = dict.fromkeys(("data_folder_in", "data_folder_out"), settings.BROKER_MESSAGES)
    app.conf.broker_transport_options = {**folders, "control_folder": f"{settings.BROKER_MESSAGES}/control"}


def confirm(seconds: float) -> str | None:
    """Confirm an order, which takes its time; return the revision that did it."""
    time.sleep(seconds)
    revision: str | None = settings.REVISION
    return revision


app.task(confirm, name="shop.confirm")
