import os
import signal
import time

from odoo import models

from .. import faults


class LoanApplication(models.Model):
    _inherit = "loan.application"

    def _esms_otp_signed(self, field, signature):
        faults.record_run("_esms_otp_signed", "hooks")
        result = super()._esms_otp_signed(field, signature)
        if faults.strikes("slow_hook"):
            time.sleep(1)
        if faults.strikes("kill_in_hook"):
            self.env.flush_all()  # it has written, and dies before its commit
            os.kill(os.getpid(), signal.SIGKILL)
        return result
