"""The engine's own suite for stores, on the real table and real cursors, beside a store that fails.

A class of its own that commits: a test's cursor is a savepoint of one connection, and shows nothing
of what several connections do to each other. What it leaves in the table is deleted again.
"""

import threading
from types import SimpleNamespace

import otp_engine as otp
from psycopg2.pool import PoolError

from odoo.modules.registry import Registry
from odoo.tests import BaseCase, tagged
from odoo.tests.common import get_db_name

from .. import store as store_module
from ..store import CutShortError, DatabaseError, OdooStore, transaction


class NaiveStore(OdooStore):
    """Looks first and writes then: what lies between the two belongs to nobody."""

    def commit(self, writes, now):
        found = self.load([write.key for write in writes])
        if [cell.version if cell else 0 for cell in found] != [w.expected for w in writes]:
            return False
        with transaction(self._registry) as cr:
            for write in writes:
                cr.execute(
                    """INSERT INTO esms_otp_cell VALUES (%s, %s, %s, %s) ON CONFLICT (key)
                    DO UPDATE SET version = EXCLUDED.version, body = EXCLUDED.body,
                    discard_after = EXCLUDED.discard_after""",
                    [write.key, write.expected + 1, write.discard_after, write.body],
                    log_exceptions=False,
                )
        return True


@tagged("at_install", "-post_install")
class TestStore(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry(get_db_name())

    def setUp(self):
        super().setUp()
        self.addCleanup(self.sweep, self.kept())

    def kept(self):
        with self.registry.cursor() as cr:
            cr.execute("SELECT key FROM esms_otp_cell")
            return [bytes(key) for (key,) in cr.fetchall()]

    def sweep(self, kept):
        with self.registry.cursor() as cr:
            cr.execute("DELETE FROM esms_otp_cell WHERE key <> ALL(%s)", [kept])

    def test_the_store_passes_the_suite(self):
        with OdooStore(self.registry) as store:
            report = store.check()
        self.assertTrue(report, report.text)

    def test_a_naive_store_does_not(self):
        with NaiveStore(self.registry) as store:
            report = store.check()
        self.assertFalse(report, report.text)

    def test_nothing_waits_for_ever_for_a_row_that_is_locked(self):
        key = bytes(32)
        first = otp.Write(key, 1, 0, 2**40, b"first")
        second = otp.Write(key, 1, 1, 2**40, b"second")
        with OdooStore(self.registry) as store:
            self.assertTrue(store.commit([first], 0))
            with self.registry.cursor() as cr:
                cr.execute("SELECT 1 FROM esms_otp_cell WHERE key = %s FOR UPDATE", [key])
                failed = []
                waiting = threading.Thread(
                    target=self.commit_and_fail, args=(store, second, failed)
                )
                waiting.start()
                waiting.join(60)
                self.assertFalse(waiting.is_alive())
                self.assertEqual([error.pgcode for error in failed], ["55P03"])
            [cell] = store.load([key])
        self.assertEqual(cell.body, b"first")

    def commit_and_fail(self, store, write, failed):
        try:
            store.commit([write], 0)
        except Exception as error:
            failed.append(error)

    def test_an_error_of_the_database_tells_no_row(self):
        with self.assertRaises(DatabaseError) as raised, transaction(self.registry) as cr:
            cr.execute(
                "INSERT INTO esms_otp_cell VALUES (%s, NULL, NULL, %s)",
                [bytes(32), b"secret"],
                log_exceptions=False,
            )
        self.assertEqual(str(raised.exception), "NotNullViolation, sqlstate 23502")
        self.assertTrue(raised.exception.__suppress_context__)

    def test_case_332_a_commit_with_a_warning_is_not_known(self):
        # As where a wait for a standby is cancelled: the commit is made here, perhaps here alone.
        with self.registry.cursor() as cr:
            cr.execute("""CREATE FUNCTION esms_otp_warn() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE WARNING 'cut short'; RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER esms_otp_warn AFTER INSERT ON esms_otp_cell
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION esms_otp_warn()""")
        self.addCleanup(self.drop_warning)
        write = otp.Write(bytes([8]) * 32, 1, 0, 2**40, b"x")
        with OdooStore(self.registry) as store:
            with self.assertRaises(CutShortError):
                store.commit([write], 0)
            [cell] = store.load([write.key])
        self.assertEqual(cell.body, b"x")

    def drop_warning(self):
        with self.registry.cursor() as cr:
            cr.execute("DROP FUNCTION esms_otp_warn CASCADE")

    def test_case_323_a_purge_keeps_its_limit_whatever_the_plan(self):
        # Statistics of one row make PostgreSQL join the table with itself, and run a subquery with
        # a limit again for each row.
        count, found = 7, "SELECT count(*) FROM esms_otp_cell WHERE discard_after = 5"

        def write(number):
            return otp.Write(bytes([9]) * 31 + bytes([number]), 1, 0, 5, b"x")

        with OdooStore(self.registry) as store:
            self.assertTrue(store.commit([write(0)], 0))
            with self.registry.cursor() as cr:
                cr.execute("ANALYZE esms_otp_cell")
            for number in range(1, count):
                self.assertTrue(store.commit([write(number)], 0))
            for left in (5, 3, 1, 0):
                self.assertEqual(store.purge(6, 2), min(2, left + 2 if left else 1))
                with self.registry.cursor() as cr:
                    cr.execute(found)
                    self.assertEqual(cr.fetchone(), (left,))

    def test_case_323_the_statement_before_did_not_keep_it(self):
        before = """DELETE FROM esms_otp_cell WHERE key IN (
        SELECT key FROM esms_otp_cell WHERE discard_after < %s LIMIT %s FOR UPDATE SKIP LOCKED)"""
        with self.registry.cursor() as cr:
            cr.execute("DELETE FROM esms_otp_cell")
            cr.execute("INSERT INTO esms_otp_cell VALUES (%s, 1, 5, 'x')", [bytes(32)])
            cr.execute("ANALYZE esms_otp_cell")
            for number in range(1, 7):
                cr.execute(
                    "INSERT INTO esms_otp_cell VALUES (%s, 1, 5, 'x')", [bytes([number]) * 32]
                )
            cr.execute(before, [6, 2])
            self.assertGreater(cr.rowcount, 2, "the statistics force the plan no longer")
            cr.rollback()

    def test_case_330_where_all_connections_are_lent_one_is_waited_for(self):
        lent = []

        def cursor():
            if len(lent) < 3:
                lent.append(True)
                raise PoolError("The Connection Pool Is Full")
            return self.registry.cursor()

        crowded = SimpleNamespace(cursor=cursor)
        with OdooStore(crowded) as store:
            self.assertEqual(store.load([bytes(32)]), [None])

    def test_case_330_where_none_comes_free_the_error_says_what_to_raise(self):
        def cursor():
            raise PoolError("The Connection Pool Is Full")

        self.patch(store_module, "_POOL_WAIT", 0.1)
        crowded = SimpleNamespace(cursor=cursor)
        write = otp.Write(bytes(32), 1, 0, 2**40, b"x")
        with OdooStore(crowded) as store:
            for call in (
                lambda: store.load([bytes(32)]),
                lambda: store.commit([write], 0),
                lambda: store.purge(0, 1),
            ):
                with self.assertRaisesRegex(otp.UnavailableError, "raise db_maxconn"):
                    call()

    def test_a_commit_of_two_cells_is_one(self):
        one, two = bytes(32), bytes([1]) * 32
        with OdooStore(self.registry) as store:
            self.assertTrue(store.commit([otp.Write(one, 1, 0, 2**40, b"1")], 0))
            pair = [otp.Write(two, 1, 0, 2**40, b"2"), otp.Write(one, 1, 7, 2**40, b"2")]
            self.assertFalse(store.commit(pair, 0))
            self.assertEqual([cell and cell.body for cell in store.load([one, two])], [b"1", None])

    def test_a_transaction_reads_what_others_committed_meanwhile(self):
        with transaction(self.registry) as cr:
            cr.execute("SHOW transaction_isolation")
            self.assertEqual(cr.fetchone(), ("read committed",))
            cr.execute("SHOW synchronous_commit")
            self.assertEqual(cr.fetchone(), ("on",))
