"""django-otp's EmailDevice behind two views or, with ALLAUTH set, django-allauth's login by code.

Run as a program it makes tables and users; gunicorn serves `application`.
"""

import json
import os
import threading

import django
from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend

USERS = 20_000
ALLAUTH = bool(os.environ.get("ALLAUTH"))
SESSIONS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
outbox = open(os.environ["OUTBOX"], "a", buffering=1)  # noqa: SIM115 (until the process ends)

settings.configure(
    SECRET_KEY="of a bench",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    LOGGING_CONFIG=None,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={
        "default": {  # where it is, libpq's variables say
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"]
    + (
        ["django.contrib.sessions", "allauth", "allauth.account", "allauth.headless"]
        if ALLAUTH
        else ["django_otp", "django_otp.plugins.otp_email"]
    ),
    MIDDLEWARE=[*SESSIONS, "allauth.account.middleware.AccountMiddleware"] if ALLAUTH else [],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    EMAIL_BACKEND=f"{__name__}.Outbox",
    OTP_EMAIL_BODY_TEMPLATE="Your code: {{ token }}",
    AUTHENTICATION_BACKENDS=[
        "allauth.account.auth_backends.AuthenticationBackend"
        if ALLAUTH
        else "django.contrib.auth.backends.ModelBackend"
    ],
    ACCOUNT_EMAIL_VERIFICATION="none",
    ACCOUNT_LOGIN_BY_CODE_ENABLED=True,
    ACCOUNT_LOGIN_BY_CODE_FORMAT={"numeric": True, "length": 6, "dashed": False},
    ACCOUNT_LOGIN_METHODS={"email"},
    ACCOUNT_RATE_LIMITS=False,  # they limit asking, of one address; confirming has none
    ACCOUNT_SIGNUP_FIELDS=["email*"],
    HEADLESS_CLIENTS=("app",),
    HEADLESS_ONLY=True,
)


class Outbox(BaseEmailBackend):
    """Mail as lines of a file."""

    def send_messages(self, messages):
        """Append them."""
        for message in messages:
            outbox.write(json.dumps({"to": message.to[0], "msg": message.body}) + "\n")
        return len(messages)


django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402

if ALLAUTH:
    from allauth.account.models import EmailAddress

    urlpatterns = [path("_allauth/", include("allauth.headless.urls"))]
else:
    import django_otp
    from django_otp.models import SideChannelDevice
    from django_otp.plugins.otp_email.models import EmailDevice

    # The library answers None to a guess that it compared and to one that it refused.
    thread, compare = threading.local(), SideChannelDevice.verify_token

    def seen(device, token):
        """Compare a guess, and remember it."""
        thread.compared = True
        return compare(device, token)

    SideChannelDevice.verify_token = seen

    def asked(request):
        """Return what was asked, and the user and the device of its address."""
        said = json.loads(request.body)
        user = get_user_model().objects.get(username=said["to"].partition("@")[0])
        return said, user, EmailDevice.objects.get(user=user, confirmed=True)

    def send(request):
        """Mail a code."""
        device = asked(request)[2]
        return JsonResponse({}, status=200 if "sent" in str(device.generate_challenge()) else 429)

    def verify(request):
        """Judge a guess."""
        said, user, device = asked(request)
        thread.compared = False
        if django_otp.verify_token(user, device.persistent_id, said["code"]):
            return JsonResponse({"said": "accepted"})
        return JsonResponse({"said": "compared" if thread.compared else "refused"}, status=400)

    urlpatterns = [path("send", send), path("verify", verify)]


def prepare():
    """Make the tables and the users."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    model = get_user_model()
    users = model.objects.bulk_create(
        model(username=f"u{number}", email=f"u{number}@bench.test", password="!")
        for number in range(USERS)
    )
    if ALLAUTH:
        EmailAddress.objects.bulk_create(
            EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
        )
    else:
        EmailDevice.objects.bulk_create(
            EmailDevice(user=user, name="mail", confirmed=True) for user in users
        )
    with connection.cursor() as cursor:
        # allauth looks users up by it, and Django has no index there.
        cursor.execute("CREATE INDEX ON auth_user (upper(email))")
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    prepare()
else:
    application = get_wsgi_application()
