/* Keys for the tests, made with the openssl command (3.0) and from the examples of the
 * RFCs. None of them protects anything. */
#pragma once

/* clang-format off */
/* `openssl ecparam -genkey`: the parameters stand in front */
static const char pem_p256_sec1[] =
    "-----BEGIN EC PARAMETERS-----\n"
    "BggqhkjOPQMBBw==\n"
    "-----END EC PARAMETERS-----\n"
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIMwdKU+qpGLYyGRqJRfnKlIt9fUNJH6ogAVeuxAFmCRQoAoGCCqGSM49\n"
    "AwEHoUQDQgAE/xsLuAKvX2lYuDV/hRJUxovZXreHLd37p3Dcms6aqhEV4g+o7JDw\n"
    "+asFNIF48zG1P+aSemmEPBgQasBAy9WFwQ==\n"
    "-----END EC PRIVATE KEY-----\n";

/* the same key */
static const char pem_p256_pkcs8[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzB0pT6qkYtjIZGol\n"
    "F+cqUi319Q0kfqiABV67EAWYJFChRANCAAT/Gwu4Aq9faVi4NX+FElTGi9let4ct\n"
    "3funcNyazpqqERXiD6jskPD5qwU0gXjzMbU/5pJ6aYQ8GBBqwEDL1YXB\n"
    "-----END PRIVATE KEY-----\n";

/* the same key, passphrase "correct", PBES2 */
static const char pem_p256_encrypted[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhJqTwXEnjXewICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGevFVEE3GmF1EX/teAaxdgEgZAJ\n"
    "TsC8pddU3OizjdnfxHIK3SOFy+n46W2JjPlpoqoyG1aZwGNyoQxBVOk+JcNVz14K\n"
    "DsKwARygEeV3mo7qPoYV5IDsWUsv4Vzb1WXg/CA4hLE80iDGZDaU61nOuDzbnpEV\n"
    "sXabnQfJcIvKugezIq0jqr5lWWxSTUutqYcFbaiLOBkKvquc6hdsUOEAceaM6kg=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

/* the same key, passphrase "correct", RFC 1421 headers */
static const char pem_p256_legacy_encrypted[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,CE4E1799440E7D33CBBF8227471437DD\n"
    "\n"
    "wh71YlwfdiT5LtmwKsL1p6hH3RJz3qHkocYhCKgGEuRsNOvpVgf8c8XT1knCVpUd\n"
    "oAGh1S/RImUnJcnsZiCijTjlQpFJlutBzJWiDsu/Yritnx935D4fQ5oh37QMnAkU\n"
    "9txqyUGCqgtD2U7VnRawVYdWIz12+vvQvQx1l63VZzw=\n"
    "-----END EC PRIVATE KEY-----\n";

/* its public half */
static const char pem_p256_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/xsLuAKvX2lYuDV/hRJUxovZXreH\n"
    "Ld37p3Dcms6aqhEV4g+o7JDw+asFNIF48zG1P+aSemmEPBgQasBAy9WFwQ==\n"
    "-----END PUBLIC KEY-----\n";

/* its public half replaced by the generator of the curve */
static const char pem_p256_mismatch[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzB0pT6qkYtjIZGol\n"
    "F+cqUi319Q0kfqiABV67EAWYJFChRANCAARrF9Hy4SxCR/i85uVjpEDydwN9gS3r\n"
    "M6D0oTlF2JjClk/jQuL+Gn+bjufrSnwPnhYrzjNXazFezsu2QGg3v1H1\n"
    "-----END PRIVATE KEY-----\n";

/* RSA, 2048 bits */
static const char pem_rsa_pkcs1[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEogIBAAKCAQEAhmDJ7ANWkodwPjRVPzUkxhizM6LK7GxrAVEeOQu2+m8ZRIO7\n"
    "+DITy/HaPCmFfAkiyYILFP9F/5z4LesTkZ0+NR/IzYhdoApL11wjQCiRJ9LRtYKF\n"
    "lzC14cQ/BxcO6AH63SQrVJUTVaBqKGmTlkYPjCyD31hS4qRzs/Kma5fTPoUeZvnW\n"
    "IsWe8r353iPOdaFMGLCtJ0o8ACFuwq6yBpGhFnx5+715ZwL1X4jrCSKFGtHeBrf6\n"
    "tc7GDF61IkpW7PNxPQHWTTN7r0KGcjdKYPHbEnWNGDtehmULRr63dGMkvWNACVGB\n"
    "dOkAkJD/FqQ4GJ8T0YSf9KAFeS5maCYIFanx+wIDAQABAoIBABouyrk/T0N+u0qL\n"
    "hN6req5UiroxaouVdmYLybFAzJbQReKZLmtmSoAu8CBP0NABsbMEsScWtCthiOPd\n"
    "jXMOadwNBOGzQ9bWmr9sFvw9y0awp6bPtzrlxVKnm8ZEYmWnWRt0nDK/V0SUXIri\n"
    "Q10A6q+bztgaTBAYDelOismlDAZ+vk1XzA8sTUdD3Mn4aJWAdpvAi8DD3wSs9aZP\n"
    "EzRBe1EpoasvzZ1/FyGjzn+YWMXftEz0/lWLBSprakwPo7zyAD7IOG2tiq+L38Ph\n"
    "7ZKxlkLUUSEC17CJt16aJwy1yhjQKNw733WB7Hhymm/Bd0pu/xj0sN6VwxLtluq9\n"
    "KzWsP60CgYEAuwj5TH8oQSBS6IeWykDz+xr8zOD5pp16FT1ePTk9mx6RvUCQpELy\n"
    "qCgSY9ASfNJdA8w7Z5BiOauqVPAXBJGK9wm4vKFBNDX97oTQUtQCTszX+drOdK6l\n"
    "XtAA9zyg8sx+0VfUQq3Ij6veIhD+SFgIF+QyI7BFnKGRTHo8wbK9KicCgYEAt+1N\n"
    "M8j/HtILZhA1k7WiIzUm1HNE+F7LgmSNPadvKBEZFL6YBZ7Sc6Iy1YqevCrQ9+0O\n"
    "ZXyVqYIkhMYS9/hRNUU6nx8myXtSVwmgJ3ZWtGOisCwdYUJ8JQZVOo/kTNpiMEbX\n"
    "J9XnfujJdaN3WDaVz4g+30cEUjwMuvn9AMOBgg0CgYADqhVYTlV3kS6Op7lolQUy\n"
    "skCpsu6xOPyfVeh2wpxWYa7xSkaLMVSXvtE9a2IxV93CqUmwqb+C6b4Yk+ufh0p1\n"
    "tJcN+wrP/w7OkYOTW9v/tzu0BXluB83toZ2jOmjc2OzTJSlfdRAs4G0ltbeFq1Pd\n"
    "Q/dHg7iZbQDvwqVWFi5mmQKBgCspGYvEZ/HAkoIx3ZC698BRUbpbDl1GSXVgyTAl\n"
    "oVUCpiMTErOG8JXIAyvPKq63UXBMhatVD/3GF3G81WixMcVRaI88jSqMsObR0G5S\n"
    "O8h69QtoXsCbDGzXzpo+d/F88buodAbaEEfcsqHTaUcfEAqySya0EJSHmOkrjq5m\n"
    "MnblAoGAUl2Y6A8tX4UlpsxLWKB18Sr3dMF20eswVHpHwjU6AGUi8iTAjAZSJrWW\n"
    "AQdSOXsGE7LptsR25/SbvAa/h+RB8NKmdnW9UfNt0brzBBJTZHVOGTZBBkE/8c4N\n"
    "Q6YkcDH+JljlUOKg39TyrJgziBfhlVgE2PVZi4W3x6kcvaEHDFs=\n"
    "-----END RSA PRIVATE KEY-----\n";

/* RSA, too short */
static const char pem_rsa1024[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBANSWM81/sTds/KyJ\n"
    "28amB5hz4izocrsvTYDUw5LOuHvuSoyePWnwa9eyHJuF62Eu+JnD8K9lFvATiSYq\n"
    "WWzN/G80bGejWyXq8zpcS2MoavB9+xcigyvMRELEv4P8443MCxvlIO38OWzXWZhM\n"
    "pvGB2ZIASmS8wxO2nLnChZblbYyZAgMBAAECgYA7womHcCjqMsoI2qwceJnUAmeH\n"
    "RkTSV+bKm4Tq5Q+5TvBH/Ue4WyyFsv0Vvxy+8gxSdWFYfOtoy6UXRHpk+rbGLLk/\n"
    "pUTNd3iDPq0WCkRqSVBtqbBdXwCXpb+0wpFIYSkGdS9ZAnhcJFfUcm5cYc1IyR3z\n"
    "tCZPtrKf+kom2htfrQJBAPW/yzWiQNUDXE6CtqvBkCDk3GZO6teHTwI0Bi0mxnPx\n"
    "f4F/Y3UOnSAnOniCfL3fhrH0Xnaja90PMLut0bJCm68CQQDddEloncYxGnKcIGav\n"
    "H9few+Xb2BxV93U1EXBNE2exrgkwe9bmseH6iRsx/xfe5bTlqd+dX9d4XKCC+JqU\n"
    "CAY3AkBObiu4rlPqp+vp0qXiIyCQnvoIXN9uceyxU1E1T86+ajC7b6CaV1OmU17B\n"
    "30NYheJDIS6UxotCPfrbqxnlvoRZAkBZeXV7dluwVT4/RHwYf6YplD7X3247cZsC\n"
    "kQQtsAxyZp3B4BdI6FAkeKbrQWT0oxy+ui7mF+Yn9EzJ/gX+j2trAkAGEM22pW4d\n"
    "COT+AiwKV3LtCVpK04j5INlQ9nXhabdLHSWxYdXUq7frXL68UXQYxBp6nyNsR9NV\n"
    "8/+dFuXNLs8b\n"
    "-----END PRIVATE KEY-----\n";

/* secp256k1 */
static const char pem_secp256k1[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHQCAQEEIBQNgAtrn3HnsZ1vMX80Cu6TmKxHTAuTEB2UJLc/SwRqoAcGBSuBBAAK\n"
    "oUQDQgAEG+tmjliWQ8dOsXuF/9lFHyaU2eV1/L7n1w0dJgFw6CNJNUYjKthzPgz3\n"
    "7rY2eQrNfeQ9yHozko9upgq2YVGLVQ==\n"
    "-----END EC PRIVATE KEY-----\n";

/* RFC 7515 A.2.1 */
static const char pem_rfc7515_a2[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n"
    "jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n"
    "aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n"
    "juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n"
    "ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n"
    "toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n"
    "VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n"
    "PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n"
    "O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n"
    "kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n"
    "XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n"
    "4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n"
    "pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n"
    "0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n"
    "lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n"
    "kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n"
    "rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw\n"
    "kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n"
    "5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n"
    "9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n"
    "evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n"
    "yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n"
    "OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n"
    "tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n"
    "ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n"
    "03k2+ZQwVK0JKSHuLFkuQ3U=\n"
    "-----END PRIVATE KEY-----\n";

/* RFC 8037 A.1 */
static const char pem_rfc8037_a1[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

/* SubjectPublicKeyInfo: of pem_p256_sec1 */
static const char spki_p256[] =
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004ff1b0bb802af5f6958b8357f851254c68b"
    "d95eb7872dddfba770dc9ace9aaa1115e20fa8ec90f0f9ab05348178f331b53fe6927a69843c18106ac040cb"
    "d585c1";

/* SubjectPublicKeyInfo: the same point compressed */
static const char spki_p256_compressed[] =
    "3039301306072a8648ce3d020106082a8648ce3d03010703220003ff1b0bb802af5f6958b8357f851254c68b"
    "d95eb7872dddfba770dc9ace9aaa11";

/* SubjectPublicKeyInfo: the same curve in explicit parameters */
static const char spki_p256_explicit[] =
    "3082014b3082010306072a8648ce3d02013081f7020101302c06072a8648ce3d0101022100ffffffff000000"
    "01000000000000000000000000ffffffffffffffffffffffff305b0420ffffffff0000000100000000000000"
    "0000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63b"
    "ce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441046b17d1f2e12c4247f8bce6"
    "e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315e"
    "cecbb6406837bf51f5022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
    "02010103420004ff1b0bb802af5f6958b8357f851254c68bd95eb7872dddfba770dc9ace9aaa1115e20fa8ec"
    "90f0f9ab05348178f331b53fe6927a69843c18106ac040cbd585c1";

/* SubjectPublicKeyInfo: P-384 */
static const char spki_p384[] =
    "3076301006072a8648ce3d020106052b8104002203620004a6bff84bdf1f92db16bca33423ffdbf5070a1961"
    "6a043d45b6cca16b5fde82fd4ada7aac2e98d69d5712816b6cdd5ea159da7cb616825400a11386b532adb757"
    "4228c5aff0784a85b0698b03d7aaaae8e39783e38ad3ff92f645fc82ac496984";

/* SubjectPublicKeyInfo: P-521 */
static const char spki_p521[] =
    "30819b301006072a8648ce3d020106052b81040023038186000400f17abd83b13a38b365287d4cda7e66dd60"
    "5fc5a35e1db8e0b73559c3c27aa4fd55c34bc51957f12954fdf043e958c9e4c56e1a148cb6cf3d6c2bf5aa88"
    "2ac7c96c008885bbd7b0d4f2a3690e74ff4c48081763b3cd6174512ebc569526c6b9e43ba662753c9fd721e2"
    "8dddb4acd80996daf3e7d62ff993fb34a6d0d06549896c051c57";

/* SubjectPublicKeyInfo: Ed25519 */
static const char spki_ed25519[] =
    "302a300506032b6570032100119c45e4bd4b4d32f10b6b0ee03be4e2f69c4ee6a54519424fbdad1ffc111615";

/* SubjectPublicKeyInfo: of pem_rsa_pkcs1 */
static const char spki_rsa[] =
    "30820122300d06092a864886f70d01010105000382010f003082010a02820101008660c9ec03569287703e34"
    "553f3524c618b333a2caec6c6b01511e390bb6fa6f194483bbf83213cbf1da3c29857c0922c9820b14ff45ff"
    "9cf82deb13919d3e351fc8cd885da00a4bd75c2340289127d2d1b582859730b5e1c43f07170ee801fadd242b"
    "54951355a06a28699396460f8c2c83df5852e2a473b3f2a66b97d33e851e66f9d622c59ef2bdf9de23ce75a1"
    "4c18b0ad274a3c00216ec2aeb20691a1167c79fbbd796702f55f88eb0922851ad1de06b7fab5cec60c5eb522"
    "4a56ecf3713d01d64d337baf428672374a60f1db12758d183b5e86650b46beb7746324bd634009518174e900"
    "9090ff16a438189f13d1849ff4a005792e6668260815a9f1fb0203010001";

/* SubjectPublicKeyInfo: RSA, too short */
static const char spki_rsa1024[] =
    "30819f300d06092a864886f70d010101050003818d0030818902818100d49633cd7fb1376cfcac89dbc6a607"
    "9873e22ce872bb2f4d80d4c392ceb87bee4a8c9e3d69f06bd7b21c9b85eb612ef899c3f0af6516f01389262a"
    "596ccdfc6f346c67a35b25eaf33a5c4b63286af07dfb1722832bcc4442c4bf83fce38dcc0b1be520edfc396c"
    "d759984ca6f181d992004a64bcc313b69cb9c28596e56d8c990203010001";

/* SubjectPublicKeyInfo: secp256k1 */
static const char spki_secp256k1[] =
    "3056301006072a8648ce3d020106052b8104000a034200041beb668e589643c74eb17b85ffd9451f2694d9e5"
    "75fcbee7d70d1d260170e823493546232ad8733e0cf7eeb636790acd7de43dc87a33928f6ea60ab661518b55";

/* clang-format on */
