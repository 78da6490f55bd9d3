#include "src/base/hash.h"

#include <openssl/evp.h>
#include <stddef.h>
#include <xxhash.h>

enum fg_status fg_sha256_init(struct fg_sha256 *h)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return FG_E_NOMEM;
    }
    h->ctx = ctx;
    return FG_OK;
}

void fg_sha256_add(struct fg_sha256 *h, const void *bytes, size_t len)
{
    int ok = EVP_DigestUpdate(h->ctx, bytes, len);
    FG_ASSERT(ok == 1);
}

void fg_sha256_end(struct fg_sha256 *h, uint8_t digest[32])
{
    int ok = EVP_DigestFinal_ex(h->ctx, digest, NULL);
    FG_ASSERT(ok == 1);
    EVP_MD_CTX_free(h->ctx);
    h->ctx = NULL;
}

enum fg_status fg_sha256(uint8_t digest[32], const void *bytes, size_t len)
{
    struct fg_sha256 h;
    enum fg_status st = fg_sha256_init(&h);
    if (st == FG_OK) {
        fg_sha256_add(&h, bytes, len);
        fg_sha256_end(&h, digest);
    }
    return st;
}

void fg_hex32(char out[65], const uint8_t digest[32])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[64] = '\0';
}

uint64_t fg_xxh64(const void *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}
