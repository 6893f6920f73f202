/* Tests of core/crypto/key_weak against keys that tests/flow/weak_keys.py made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/crypto/key_weak.h"
#include "key_fixtures.h"

#define OCTETS 256

static struct key *key_of(const char *modulus)
{
    static const uint8_t exponent[] = {1, 0, 1};
    uint8_t octets[OCTETS];
    char two[3] = {0};
    struct key *key = NULL;

    assert_int_equal(strlen(modulus), (size_t)2 * OCTETS);
    for (size_t i = 0; i < OCTETS; i++) {
        memcpy(two, modulus + 2 * i, 2);
        octets[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    assert_int_equal(key_from_rsa(span_make(octets, sizeof octets),
                                  span_make(exponent, sizeof exponent), &key, NULL),
                     ERR_OK);
    return key;
}

static const struct {
    const char *name;
    const char *weakness; /* in the sentence; NULL: none */
    const char *modulus;
} known[] = {
    {"two random primes", NULL,
     "96f8f00a26ecf3d00b26c86b4986bcfce2e93affdd299dd70c9c96db86ba9fc6"
     "64fbf1ed6e5677e0bb49ecaf2d8a045ae58b2f59bb13f8d8b931a47adf20b3b8"
     "1b4f66c8096ae8bf1448ca9db8d99c308368430396805003159309512984cbd8"
     "ac1d8523f33f72bff0b009ee1d166172b8209fd2dac61364f21a1ff9f513c971"
     "d17d689463d27c83dcf5372e75434f81d738e6c44f383b79f7628804936dd89c"
     "747409420f64f75fe4655d053ba09984d9674c586996a9ef0687d16062b7756c"
     "6256efe167ca4d7c7ec41bd7375f60ea8abec196ebee2c7f16643795c27aa900"
     "b7f7336a10356cae0379f2f7a02ef1e75f28aefff9518a3a641a60b8119fef7f"},
    {"3 times a prime", "small factor",
     "ac0dd3b2e28d63346b60db47bd022119dcc217d1f09b374d62ab17277b1239d6"
     "c22a6ad023ccc8872763a060d65c976e0b8cfb0e94e787d895ea59f8627b0cf1"
     "8d0a81b4c1027ce94a7549b8d84490e96f05eedc806068003b17256a7e28f75c"
     "66a0df0726cca76c6b325ed2d41c4c72de305726c7198d6ba584876558cd0498"
     "ea541f82894f4cb5131b23804f6efa0f2cbb317d0339a56f44804e30b495de48"
     "edab5b8b647f0d9253cfcc56f033e832630318031b5618fea9d5ced49d6cb105"
     "b4086da3b44788b927b7277ed85fbbb01e7bc3d68a05d6d1154429c086f3a128"
     "94f8ebbbd7e1039b8955f85c926042514fc27d6839cd8b9d9279c11f49b50015"},
    {"751 times a prime", "small factor",
     "9f42a8af473f8e30f11b9a2f885b6fb9254c5affa139710b6a07604cb92a8a6f"
     "827e3abdc5c15a4dbe2f7fdd99ca973bf14384345149e4745709fd3e25879318"
     "4c17ea72fbc30f9c9c3c08cff51d4275011df8b4d41e14d83617d750e44cfe71"
     "f2002e3ceca7bc8fbad2ce35e28867c9adca76d205b213034167ad19d7c1b2aa"
     "0ecae96ea976aaeb86dacd0ec5f8f21404b55a0284979f532c5dcacce5ddede7"
     "0eefef889b5b476a96aa22b9dc861a53ce057a34a05730ee824914230f123a25"
     "526385b667f8e5cf74a36d534035df06a248437797fb295b72cba97903bf57ed"
     "54ab599fdbcc73b1544aa8720e618fc57c1aeb8dbedf89d7cc9f65141a363daf"},
    {"757 times a prime: not looked for", NULL,
     "a90d5be459ef00ff90cf8197b933f11e0d92eab35ebf34642f8d3213456b62de"
     "f60117d774d62408f9db84dc798d5eed4c89dc04994701a7eae07326ad7b43cf"
     "be7bc8148c916ed9866f034839aa53c3d023a48d175ce95bd1f0861bba279f19"
     "bba0e0c7e1bbfe9916f295f8fe656c02ab10505ac15a896e72ddde17be23a49b"
     "f7166d6bac6a77e416f9ad01bee76cddb9a2dabd8671b647f8b324683b57211e"
     "9a8809c18dbf76342cf34db3c7e53d726cea7beb87701dbad610340af069dffb"
     "ffbbf094f8e0766a1fb0f950884cf6cb77308d3be568bf910b4a20ee6fdfc80c"
     "3e000e5e0a9050ff203cccfa94c4dd5cca28b17a1f5537023b3436e770a906ab"},
    {"keys of the Infineon library", "ROCA",
     "c4c5cfa261a977694a4e0e781bd81f0df1b83cc12a59c00dfccebdf9db1a343f"
     "06d5fcd4439df9148c0898813bc763b15a67825f18f57e62a1f562b89ab1267c"
     "70489c8cfbb46e0fe2bef1cab3af4855f290f23e71aad2d4d2ca5215cebfa0a3"
     "8535783f33a43ec9d9fb844ed559a5b1b2031ac5540bec78b006cb736a2d9d18"
     "59ad72898eff1a0eb9dee050d38d185c0086e619ecbf74e44e5a13d4e6c873b7"
     "b869a94e36c32601e9f9752668edef2d8134e5dfdbf1800c40347da9468cb661"
     "565e3cecb5663ebde39caf928d684fcef60f4e81fffdcd8ba7444a057931c08f"
     "8a42cc7018e1572525b76aa6f26c5eebd6d614eca4571dff73bfe4c267cec7bd"},
    {"a prime and the next one", "close",
     "c0fc298dabd4eb1eb0490440bed2608309ebcf4850ac6280d918a802214a2d9d"
     "5c7cf745e0c8c044b79431a3261262870204b0ff4526520dfed9c59202578c8e"
     "02578027add968f0beb8e61165e931676368de5a0f6c5821be4fda93e7ce3ab9"
     "138aa08eb4c5109346cc5b360f83e902e8cc186e946fbe1fd6e5be5f22df3d11"
     "fdcf078dc5c389d34c9461a3e98ab41ebc5825d45cfa2f367b7f5d468304751a"
     "3095bcf20bb46b6208f8af046bade0d7d9473f88b78e23de61531c0e528c765d"
     "2ae2ba26c2b05e37084bf39fbb7caa09d48f29720cf2de2852b057d3f744d967"
     "ea2af0d20d3d4fa508268daf3d6a841ff9da331ac2415840ef59df33617f1b77"},
    {"found by Fermat's method in round 95", "close",
     "970201788162a6941192a70087f68e794b610d66ac30ca8788701cff34ec6dbe"
     "2acb4cb5ea47f18c79ed65b2877bc4931e38a2ac87278971803d7d5eb5c53d73"
     "8cb03fd119e01ab1d17feb56dfee92fe8a4566b4406d9020e4c8fb9da6eab510"
     "c5e2c526d37def5d17e10bd197a05c542ee122fefeb9b120948df767a4260128"
     "8620a2feffbd1950fbfb853fe198be6638fe745087393acd94648221ca380bd0"
     "8fcd8642c11ce47ae390e39692a37c66f56cceff82ab74ccd55d7e4cc55958ec"
     "ea2dff7098a379ae850952ffd4035e5220e992108be22c7c526658789b085d8f"
     "1b6095de652c86e164e4d5739199d898dfbffe1c523e9e1c8d92b1fbfc51526d"},
    {"found in round 106: further apart than is looked for", NULL,
     "a2a103d4e0759f70ee6fc1bfef93de291350acc1d9bbe3dc0f329087995880ec"
     "7f1667667c2b363369ac217e57f6eb37acaa97e2099ee0da4c4a225d127eb1a3"
     "bf08d1c09558273e58262f912f49fc82bfa26a9a1f0d9d6f6856873a761ec5a7"
     "5cdbba595b2da7b85c29968c7e0557e8897e3190885da096925a23680b5ec20c"
     "6f70c4cc8b17575c45c94ea96e669a36f5c96f61cd1c441a9d8c77468947f685"
     "0ae8520843a185557b73b4e47258e8022a745ec027eb2ef0aab2bba5afc2253d"
     "2998d4d08107d3a3ee511183fa82388b82107ffefdcdca36580d7ad0b19624ff"
     "4f2f60da74bdc8d426ff84ea2ba3860c03593a2e4aece1a4a20db6aeccc86499"},
    {"a square", "close",
     "d3e53d0e7ce844c3c9478b4284b2eeed30b40424e734832ca264e837f38e0b9b"
     "47515a6cbb341228e4e441fc8607f4e605e83a58741ef42adf78e285176c6187"
     "72c40cd596d69a050f2143942aa6fdb5eebd4dd7357b07e8d3918ecb7ca33dbc"
     "7d4a37b8ad98e2696b0c531ea18226e63f1cf5b51dba03342cf7fddd6713fed9"
     "9c557b529fe504f246abcd954110b7a50be03f2efec544d3ed73c919fbc45290"
     "2c794159cf06823e489189a873e15282355c2373629b2ea4360434db53f96d3a"
     "7863bf48e8395e8c7e8224e71fb207c5d59517bb70e0d402d7fec61db6d7297e"
     "34b023a4e51340989cbeb5d0c9450077aedff2f2d8e0243d421ae31ff2ad7471"},
    {"a prime to the power of 3", "power of one number",
     "8de49819be55a9f1e7465439bcccc84c4100008610397c93ca7b66263198cd81"
     "3a75a4af6e69d1d066a04914bf83254592d96a267cc86297f4f2caf148fd0a98"
     "2f9779b2b527919ef9c4e7ecc59d3c9156826ac7c29029a607762c28365f280f"
     "535b3b9b1582fb833b0497e51a770b1066309ea70a9a246101d0cd030135797d"
     "db866ae03ea9184e86492e91767a062354af612abe3e5974cb07f9cf0ea037b6"
     "e6e7264c70da7344d37b861f9ccfe61239babef52aad5ffef21d014813b81dc2"
     "f7f021647754a351973d92eec19c68dac8cb06a608564d413b4bb3d754c45523"
     "07036506edeb2b199141184d5072030cd122f3eb321916258a946bd3c5feb649"},
    {"a prime to the power of 5", "power of one number",
     "b768fb5e3cac7adcffbccc7c8f37ddbb8e0b5caf4f3383382205a707d2f64713"
     "084e44fc7f49b0ee5837c56f4902a8ffd26d0b4054cc8a0cf1c34b173bf2ae0d"
     "6ac0021a91a2a10f903f2146f7166a084cb0ed0b8e49a9ebce9b9a988e0440ce"
     "178982e0fca27666a6d3b99cbef25ba3fdcf32d6e51a2db48abf1e1b3ba5c610"
     "406bcaabe4c6fac1bc0404b953e25a742616528381d9a493ef1fdc3cfb483c19"
     "bad416482929ed3587c3f154d509e0d53acd243ee1d17692183ed1c1fa87c032"
     "66e7980decac7e1068d0247e5abcda2819ddcbf1e999446a40ecbfcf1ed4a1bb"
     "07fc419af996018400e57363f001eef5535c67030c0acf2005b63fb5b4fefc69"},
    {"a prime to the power of 11", "power of one number",
     "8cdb9d31efac1553c4b9f0d459c7fe7b243ff44362d11b507dafefeb106bde22"
     "ffda7ce885a9974f6b518ff3b7936078cc2ff26304c0668c307d486a4feca4db"
     "4617cb0f78ff186cdc926595aa75616b08435c2822a7f0615efade7123767bb7"
     "d62d0a41c491bd1e48ce082c763aa1b2f508739a10c9bb49c1b6e0038102f1de"
     "159af680c09bff180c5c74d84ea55f81b06060dacabcb46491705b2ed766c0c1"
     "471cc39f9ac687bb4a2a12dc04037e6015440794ecd8ac2dd5e94b6b31e9f753"
     "1bd1a130d73184d38a002d44bc9afc2fb8c16314de481e45c738518cc04e13b4"
     "b8cde10d98bc554ec5067f8ae56588c54366c58788c4215031aeffe3d329a3d1"},
    {"a prime to the power of 67", "power of one number",
     "9983b538412364bccec90909326bd12738e73415665ee26e949763f236942933"
     "452c3714ba3f7e658942a861e7f9fe1420bcad090f14a8f6f799cdec9ab4174d"
     "081b058b0f6e5e2c726d76516f6ba2bc1b798cc939735ac4ee0fba0fea5ddea1"
     "f128af46ba707c0cc52c05baf0d018c208c598453068a55fda790f0e3e0412da"
     "2053cdf991d71096f845afee0ca7fc5e249541fabf19a237558fad704dd11ddd"
     "628af23c77c7346c3cedd6500262412832ad188e3c68a5bbd7c324274f3461f2"
     "ce11b99d0a95b116ad1db389aa3b79506fc9e4998b0645110c9072ddac1e775b"
     "e4db93b224232f0a6d9feb46a0f7e5ec46cad6e2cabd8e3a674a18af31d7b547"},
    {"a prime to the power of 127", "power of one number",
     "9aa431650b9074658eb1b26521a3ccbb9d4fe793121b9a84c9d2123b92f162d9"
     "0f93f72e3d502ee0a7ee11844d3e08838cd585f831199b20892f5a34543abbad"
     "5d1716f205c74d3c146d9fc6dba2687ffc6b8930f7019534c46101ee4355d2ab"
     "0fe82bd48679fe5cc76fb33d37d2bd462abc3e49d34adcaf9acfe9f3e0741c39"
     "c4a6e6dc871b984ae954da2f586d917230d8d4b49d69028ec43cdc4c6ab3aaf8"
     "b38bb03d36817132ab07aa1035f18338e3ac144eb2f83d46eed1ce9ed529dd6a"
     "39a5d74898c34c6da6daa1db217455b9674564a2e5c24503da476f8c6352fcce"
     "538e741cb7ec4895d6a7fe92db3d778c2594167d07be07e7b08778f9288919c1"},
    {"a prime to the power of 199", "power of one number",
     "823ca619d96d382ba0ae84dbbe82fb1ebc9354dfb5967c8b45448173c417bbb4"
     "e38262ac05fb79d7681b775666dcb654f504f65dd18f185c99ce4cc98eca11b6"
     "628c69d4b4258fd961ada31ea03656c0e484cfc54838473511e733c88d09fbcc"
     "0e2df1e30020dbc8016ce18333af6f087892e87bef47b341092c2a049b80b357"
     "d837b1020f839a85880ce25297e7492c34f5502daea4162140a577ba47b777a9"
     "13c4323017cc193414b7affddfdfcc1d960c7bb54e2e248d554c14dfabf4830f"
     "0a4c90a91447cba03f89fda6e46b504262095c68bfc6325fe39c739c046d0849"
     "fbe93d717588ede5d30568824d7675c73bb70f9a9961d8e6f3a0b9166cf4de21"},
};

static void known_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct key *key = key_of(known[i].modulus);
        const char *found = key_weakness(key);
        if ((found == NULL) != (known[i].weakness == NULL) ||
            (found != NULL && strstr(found, known[i].weakness) == NULL))
            fail_msg("%s: %s", known[i].name, found != NULL ? found : "no fault");
        key_free(key);
    }
}

static void good_ones(void **state)
{
    static const struct {
        enum key_type type;
        int bits;
    } rows[] = {
        {KEY_RSA, 2048}, {KEY_P256, 0}, {KEY_P384, 0}, {KEY_P521, 0}, {KEY_ED25519, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct key *key = NULL;
        assert_int_equal(key_generate(rows[i].type, rows[i].bits, &key, NULL), ERR_OK);
        assert_null(key_weakness(key));
        key_free(key);
    }
}

/* As openssl rsa -modulus | openssl sha1 ends for that key. */
static void fingerprints(void **state)
{
    uint8_t spki[512];
    uint8_t digest[KEY_WEAK_FINGERPRINT_SIZE];
    char text[2 * KEY_WEAK_FINGERPRINT_SIZE + 1];
    struct key *key = NULL;
    size_t len = 0;

    (void)state;
    assert_true(text_unhex(span_of(spki_rsa), spki, sizeof spki, &len));
    assert_int_equal(key_from_spki(span_make(spki, len), &key, NULL), ERR_OK);
    assert_true(key_weak_fingerprint(key, digest));
    text_hex(text, digest, sizeof digest);
    assert_string_equal(text, "e051910a06933cea95cb");
    key_free(key);
    assert_int_equal(key_generate(KEY_P256, 0, &key, NULL), ERR_OK);
    assert_false(key_weak_fingerprint(key, digest));
    key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_ones),
        cmocka_unit_test(good_ones),
        cmocka_unit_test(fingerprints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
