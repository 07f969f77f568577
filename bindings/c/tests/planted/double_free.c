/* A planted fault: the sanitizer must catch it, or it does not run. */
#include "../check.h"

int main(void) {
    otp_engine *engine = sample_engine();
    otp_engine_free(engine);
    otp_engine_free(engine);
    return 0;
}
