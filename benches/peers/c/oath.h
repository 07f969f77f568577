/* HOTP and TOTP: of this library, and of the peers that this program was built with. */
#ifndef OTP_PEERS_OATH_H
#define OTP_PEERS_OATH_H

#include "measure.h"

/* Ends the program where a maker's codes are not those of RFC 4226 and RFC 6238. */
void oath_agrees(void);

/* Measures every algorithm. */
void oath_rows(effort how);

#endif
