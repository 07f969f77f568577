from odoo import fields, models


class ResUsers(models.Model):
    _inherit = "res.users"

    signing_mobile = fields.Char(groups="base.group_system")
