from . import (
    test_access,
    test_contract_get,
    test_contract_send,
    test_contract_verify,
    test_envelope,
    test_journal,
    test_mixin,
    test_policy,
    test_purge,
    test_signature,
)
