/* A planted fault: memcheck must catch it, or it does not look. */
#include "../check.h"

int main(void) {
    otp_engine *engine = sample_engine();
    CHECK(engine != NULL);
    engine = NULL;
    return engine != NULL;
}
