"""template in Django, its templates cached as in production."""

from pathlib import Path

import django
from django.conf import settings

FOLDER = str(Path(__file__).parent / "templates")
LOADERS = [("django.template.loaders.cached.Loader", ["django.template.loaders.filesystem.Loader"])]

settings.configure(
    SECRET_KEY="a benchmark's",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    USE_I18N=False,
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [FOLDER],
            "OPTIONS": {"loaders": LOADERS},
        }
    ],
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402
from template_rows import ROWS  # noqa: E402


def page(request):
    return render(request, "rows.html", {"title": "Rows", "rows": ROWS})


urlpatterns = [path("", page)]

application = get_wsgi_application()
