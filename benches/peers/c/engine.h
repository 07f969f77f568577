/* Issue and verify by the C ABI, one at a time and in batches. */
#ifndef OTP_PEERS_ENGINE_H
#define OTP_PEERS_ENGINE_H

#include "measure.h"

void engine_rows(effort how);

#endif
