/* The label of dns-account-01 (draft-ietf-acme-dns-account-label 3.2): it names the
 * account, so that several can prove the same name at once. */
#pragma once

#define DNS_ACCOUNT_LABEL_SIZE 18 /* with "_" in front and a NUL */

/* "_ujmmovf2vn55tgye" of an account URL, which is taken as it is. Beneath it stands
 * "_acme-challenge". */
void dns_account_label(const char *account_url, char label[DNS_ACCOUNT_LABEL_SIZE]);
