/* A planted fault: a static program that reaches for a network, and must not be taken for ours. */
#include <sys/socket.h>

#include "../check.h"

int main(void) {
    otp_engine *engine = sample_engine();
    otp_engine_free(engine);
    return socket(AF_INET, SOCK_STREAM, 0) < 0;
}
