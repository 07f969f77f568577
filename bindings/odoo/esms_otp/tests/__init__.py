from . import test_gateway, test_i18n, test_recipient, test_store, test_views
