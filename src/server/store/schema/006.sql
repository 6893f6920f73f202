-- The key that a device attested for an authorization (draft-ietf-acme-device-attest 5): a certificate of its order is
-- for that one only. Nothing of the attestation itself is kept. A table of its own: most authorizations have none.
CREATE TABLE attestation (
  authz_id INTEGER PRIMARY KEY,
  format INTEGER NOT NULL,
  key_hash BLOB NOT NULL,
  at INTEGER NOT NULL
) STRICT;
