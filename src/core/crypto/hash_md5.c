/* MD5 by OpenSSL. */
#include "core/crypto/hash_md5.h"

#include <openssl/evp.h>

bool hash_md5(struct span s, uint8_t digest[HASH_MD5_SIZE])
{
    EVP_MD *md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    unsigned int len = HASH_MD5_SIZE;
    bool good = md5 != NULL && EVP_Digest(s.data, s.len, digest, &len, md5, NULL) == 1;

    EVP_MD_free(md5);
    return good;
}
