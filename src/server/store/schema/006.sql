-- The key that a device attested for an authorization (draft-ietf-acme-device-attest 5): a certificate of its order is
-- for that one only. Nothing of the attestation itself is kept. A table of its own: most authorizations have none.
CREATE TABLE attestation (
  authz_id INTEGER PRIMARY KEY,
  format INTEGER NOT NULL,
  key_hash BLOB NOT NULL,
  at INTEGER NOT NULL
) STRICT;

-- The inventory of devices: who may be known (draft-ietf-acme-device-attest), by which keys, and who is blocked. One key is
-- one device's of each type of identifiers. `external_key` is the id of the external account key whose accounts alone may have it,
-- 0: any account's.
CREATE TABLE device (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type INTEGER NOT NULL,
  value TEXT NOT NULL,
  label TEXT NOT NULL,
  created INTEGER NOT NULL,
  external_key INTEGER NOT NULL,
  blocked INTEGER NOT NULL,
  reason TEXT NOT NULL,
  attested INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX device_identifier ON device(type, value);
CREATE INDEX device_blocked ON device(id) WHERE blocked <> 0;

CREATE TABLE device_key (
  sha256 BLOB NOT NULL,
  kind INTEGER NOT NULL,
  type INTEGER NOT NULL,
  device_id INTEGER NOT NULL,
  PRIMARY KEY (sha256, kind, type)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_key_device ON device_key(device_id);

-- What a device has, whether it is in the inventory or not: its orders, and certificates that no order asked for.
CREATE TABLE device_order (
  type INTEGER NOT NULL,
  value TEXT NOT NULL,
  order_id INTEGER NOT NULL,
  PRIMARY KEY (type, value, order_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_order_order ON device_order(order_id);

CREATE TABLE device_issuance (
  type INTEGER NOT NULL,
  value TEXT NOT NULL,
  issuance_id INTEGER NOT NULL,
  PRIMARY KEY (type, value, issuance_id)
) STRICT, WITHOUT ROWID;

-- Types of devices come behind dns and ip; nothing else is in this index.
CREATE INDEX authz_device ON authz(type, value) WHERE type > 1;

-- Attestation keys whose certificate waits for the secret that was sealed for their TPM, which is known by its hash only. A row
-- goes when it is used, or too old.
CREATE TABLE enrollment (
  secret_hash BLOB PRIMARY KEY,
  expires INTEGER NOT NULL,
  directory TEXT NOT NULL,
  ek_hash BLOB NOT NULL,
  certified INTEGER NOT NULL,
  ak BLOB NOT NULL,
  manufacturer TEXT NOT NULL,
  model TEXT NOT NULL,
  version TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX enrollment_expires ON enrollment(expires);
