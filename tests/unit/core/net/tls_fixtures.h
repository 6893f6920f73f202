/* Two self-signed certificates, made with `openssl req -x509 -days 36500`: one for
 * localhost and 127.0.0.1, one for other.test. The keys protect nothing. */
#pragma once

/* clang-format off */
static const char pem_localhost[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBmTCCAT+gAwIBAgIUOfMKTJIS3anBKe6usYwx7a1eDdQwCgYIKoZIzj0EAwIw\n"
    "EzERMA8GA1UEAwwIdGxzIHRlc3QwIBcNMjYxMTI0MjM1OTM2WhgPMjEyNjEwMzEy\n"
    "MzU5MzZaMBMxETAPBgNVBAMMCHRscyB0ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"
    "AQcDQgAEvIZEsCs5iZujMbKuFDDuOUsDEh3CunOSvBWdIyXYJnK0f3RxShisIY8h\n"
    "Z4WrYomz++bEwhUqBEiNVrzuL767IKNvMG0wHQYDVR0OBBYEFATyvUMcDM3HsMIo\n"
    "z8jJnT0ezogzMB8GA1UdIwQYMBaAFATyvUMcDM3HsMIoz8jJnT0ezogzMBoGA1Ud\n"
    "EQQTMBGCCWxvY2FsaG9zdIcEfwAAATAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49\n"
    "BAMCA0gAMEUCIFVce7aAXJilUUnMxuOdFuKqEbfXV6T1+GCETdCvyLUCAiEAxoLl\n"
    "vbd6jGoSvJ1UAXDaeItCsWXrKmZ4QT/MHnIbfKE=\n"
    "-----END CERTIFICATE-----\n";

static const char pem_localhost_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAkjUNuD4fwI+uaHJ\n"
    "Qp1sSL8VPbA65Vt7K/asG7jo8kChRANCAAS8hkSwKzmJm6Mxsq4UMO45SwMSHcK6\n"
    "c5K8FZ0jJdgmcrR/dHFKGKwhjyFnhatiibP75sTCFSoESI1WvO4vvrsg\n"
    "-----END PRIVATE KEY-----\n";

static const char pem_other[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBjjCCATSgAwIBAgIUceUsKbotcoDE3W76wDUSQox8rIIwCgYIKoZIzj0EAwIw\n"
    "EDEOMAwGA1UEAwwFb3RoZXIwIBcNMjYxMTI0MjM1OTM2WhgPMjEyNjEwMzEyMzU5\n"
    "MzZaMBAxDjAMBgNVBAMMBW90aGVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
    "BRd1FhC4dt37l/mmWUn/WuPiRa8rs6mtdal1DT+EyemYhWVTC3afk4+78gqnvSPa\n"
    "XYCQq1xA64DrmIV1ooT9PKNqMGgwHQYDVR0OBBYEFBZDu56Hwawppe+M755FsMXi\n"
    "WGaNMB8GA1UdIwQYMBaAFBZDu56Hwawppe+M755FsMXiWGaNMA8GA1UdEwEB/wQF\n"
    "MAMBAf8wFQYDVR0RBA4wDIIKb3RoZXIudGVzdDAKBggqhkjOPQQDAgNIADBFAiEA\n"
    "umUwTfFtxTG/PNXFaYXS6h7twbw6LnKeXz5rjWrw3vcCIBsUTdOkbZP4VoPLpU7e\n"
    "i/RZSMeOqgAqbpSNRDOYsZ6n\n"
    "-----END CERTIFICATE-----\n";

static const char pem_other_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCNECn1jFX75X2hmC\n"
    "8WyZdKQYk3qFvtuvq5b2Th8KNCehRANCAAQFF3UWELh23fuX+aZZSf9a4+JFryuz\n"
    "qa11qXUNP4TJ6ZiFZVMLdp+Tj7vyCqe9I9pdgJCrXEDrgOuYhXWihP08\n"
    "-----END PRIVATE KEY-----\n";
/* clang-format on */
