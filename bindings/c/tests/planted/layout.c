/* A planted fault: no compiler may let another layout pass. */
#include "../layout.c"

AT(otp_view, len, 4);
