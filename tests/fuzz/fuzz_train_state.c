/* Any bytes as the state of a stopped task of a model with 3 parameters. */
#include "src/worker/trainer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_train_state s;
    struct fg_err err = {""};
    if (fg_train_state_decode(&s, data, size, 3, &err) == FG_OK) {
        FG_ASSERT(s.n == 3 && s.params != NULL);
        fg_train_state_fini(&s);
    } else {
        FG_ASSERT(err.text[0] != '\0');
    }
    return 0;
}
