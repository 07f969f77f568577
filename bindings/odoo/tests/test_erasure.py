"""What an erasure of a user's signatures leaves in the database: what is the host's own alone."""

import base64

from client import MODEL, Borrower

NAME = "Xiaoqing Thanaraj-Okonkwo"


def plain(text):
    """Return how a dump shows a detail in a column."""
    return [text.encode(), text.encode().hex().encode()]


def disclosed(text):
    """Return how it shows the end of a disclosure, in a column and in the bytes of a cell.

    A disclosure is base64 of JSON, which looks different at each offset.
    """
    found = []
    for shift in range(3):
        encoded = base64.urlsafe_b64encode(b"\0" * shift + text.encode() + b'"]').rstrip(b"=")
        needle = encoded[(0, 2, 3)[shift] : -1]  # at both ends there are bits of others
        found += [needle, needle.hex().encode()]
    return found


def holds(dump, needles):
    """Say whether a dump holds any of these."""
    return any(needle in dump for needle in needles)


def test_case_401_the_details_of_a_user_are_in_no_table_after_their_erasure(
    server, admin, gateway, database
):
    """The right to be forgotten: all signatures of one user, and those of others stay."""
    user, other = Borrower(server, admin, applications=2), Borrower(server, admin)
    rows = []
    for record in user.records:
        assert user.send(record)["status"] == 200
        code = gateway.code(user.mobile)
        assert user.verify(code, record, signer_name=NAME)["status"] == 200
        rows.append(user.signature(record))
    other.send()
    assert other.verify(gateway.code(other.mobile), signer_name="Somebody Else")["status"] == 200
    dump = database.dump()
    for detail in (NAME, user.mobile, "Somebody Else"):
        for spelt in (plain, disclosed):
            assert holds(dump, spelt(detail)), f"the control of the search: {detail}"

    signed = admin.call(
        "esms.otp.signature", "search", [("user_id", "=", user.uid), ("model", "=", MODEL)]
    )
    assert len(signed) == 2
    assert admin.call("esms.otp.signature", "action_erase", signed) is True
    # The host's own: where codes go, which it drops with the user.
    admin.call("res.users", "write", [user.uid], {"esms_otp_mobile": False})
    dump = database.dump()
    for detail in (NAME, user.mobile):
        assert not holds(dump, plain(detail) + disclosed(detail)), detail
    assert holds(dump, disclosed("Somebody Else")), "others keep theirs"
    for record, before in zip(user.records, rows, strict=True):
        after = user.signature(record)
        assert after["signature_record"] == before["signature_record"], "and the records"
        assert (after["signer_name"], after["recipient_mobile"]) == (False, False)
    assert other.signature()["signer_name"] == "Somebody Else"
