from . import (
    cell,
    gateway,
    generation,
    ir_module_module,
    log,
    mixin,
    policy,
    res_company,
    res_config_settings,
    res_users,
    signature,
)
