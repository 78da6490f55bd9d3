/* Any text as a layer list, for the kind of data that its first byte chooses: a small model or a message. */
#include <stdlib.h>
#include <string.h>

#include "src/model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fg_model_input in[] = {{FG_INPUT_IMAGE, {28, 28, 1}, 10},
                                               {FG_INPUT_VECTOR, {7, 1, 1}, 3},
                                               {FG_INPUT_TOKENS, {80, 1, 1}, 90}};
    struct fg_model *m = NULL;
    struct fg_err err = {""};
    char *text = size > 0 ? calloc(size, 1) : NULL;
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    enum fg_status st = fg_model_create(&m, text, &in[data[0] % 3], NULL, &err);
    if (st == FG_OK) {
        struct fg_layer_info info;
        size_t at = 0;
        for (unsigned i = 0; fg_model_layer_info(m, i, &info); i++) {
            FG_ASSERT(info.offset == at && info.size > 0);
            at += info.size;
        }
        FG_ASSERT(at == fg_model_params(m));
        fg_model_destroy(m);
    } else {
        FG_ASSERT(st == FG_E_CONFIG && m == NULL && err.text[0] != '\0');
    }
    free(text);
    return 0;
}
