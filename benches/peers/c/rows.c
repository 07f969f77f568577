/*
 * The C rows of `cargo xtask bench`: one JSON line for each on stdout.
 *
 * rows [oath] [engine] [--rounds N] [--quick]
 *
 *   cc -std=c99 -O2 -Wall -Wextra -Wpedantic -Werror -I include -I benches/peers/floor \
 *      benches/peers/c/rows.c benches/peers/c/oath.c benches/peers/c/engine.c \
 *      -DWITH_LIBOATH -DWITH_LIBCOTP -L DIRECTORY -lotp_engine -l:libotp_floor.a -loath -lcotp -lm
 *
 * A peer that is not installed is left out with its pair of options, and reported as skipped.
 */
#include "engine.h"
#include "oath.h"

static int is(const char *argument, const char *name) { return strcmp(argument, name) == 0; }

int main(int count, char **arguments) {
    effort how = {101, 0};
    int oath = 0, engine = 0, at;
    for (at = 1; at < count; at++) {
        if (is(arguments[at], "--quick")) {
            how.quick = 1;
            how.rounds = 2;
        } else if (is(arguments[at], "--rounds") && at + 1 < count && atoi(arguments[at + 1]) > 0) {
            how.rounds = (unsigned)atoi(arguments[++at]);
        } else if (is(arguments[at], "oath")) {
            oath = 1;
        } else if (is(arguments[at], "engine")) {
            engine = 1;
        } else {
            fprintf(stderr, "error: unknown or unfinished argument '%s'\n", arguments[at]);
            return 2;
        }
    }
    begin(how);
#ifndef WITH_LIBOATH
    skipped("liboath", "this program was built without it: Debian has it in liboath-dev");
#endif
#ifndef WITH_LIBCOTP
    skipped("libcotp", "this program was built without it: Debian has it in libcotp-dev");
#endif
    if (oath || !engine) {
        oath_agrees();
        oath_rows(how);
    }
    if (engine || !oath) engine_rows(how);
    return 0;
}
