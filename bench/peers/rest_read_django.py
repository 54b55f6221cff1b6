"""rest-read in Django REST framework: a model, a serializer, generic views and its paginator; connections stay open."""

import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="a benchmark's",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=[],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["EMPLOYEES_DB"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {"init_command": "PRAGMA query_only = ON"},
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, pagination, serializers  # noqa: E402


class Employee(models.Model):
    name = models.TextField()
    department = models.TextField()
    salary = models.IntegerField()
    hired = models.TextField()

    class Meta:
        app_label = "employees"
        db_table = "employees"
        managed = False


class EmployeeSerializer(serializers.ModelSerializer):
    class Meta:
        model = Employee
        fields = ["id", "name", "department", "salary", "hired"]


class Limit(pagination.LimitOffsetPagination):
    default_limit = 100


class One(generics.ListAPIView):
    """A list of one, as the others answer."""

    serializer_class = EmployeeSerializer
    pagination_class = None

    def get_queryset(self):
        return Employee.objects.filter(pk=self.kwargs["pk"])


class Top(generics.ListAPIView):
    serializer_class = EmployeeSerializer
    pagination_class = None

    def get_queryset(self):
        column, _, direction = self.request.query_params.get("order", "id").partition(".")
        limit = int(self.request.query_params.get("limit", 100))
        return Employee.objects.order_by(("-" if direction == "desc" else "") + column)[:limit]


class Page(generics.ListAPIView):
    serializer_class = EmployeeSerializer
    pagination_class = Limit

    def get_queryset(self):
        return Employee.objects.filter(department=self.request.query_params["department"]).order_by("id")


urlpatterns = [
    path("employees/<int:pk>", One.as_view()),
    path("employees", Top.as_view()),
    path("page", Page.as_view()),
]

application = get_wsgi_application()
