/* A planted fault: no compiler may let a caller overlook a status. */
#include "otp_engine.h"

int main(void) {
    otp_policy_check(NULL);
    return 0;
}
