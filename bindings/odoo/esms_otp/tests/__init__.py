from . import test_gateway, test_recipient, test_store, test_views
