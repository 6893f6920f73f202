ALTER TABLE account ADD COLUMN directory TEXT NOT NULL DEFAULT 'default';
DROP INDEX account_thumbprint;
CREATE UNIQUE INDEX account_key ON account(thumbprint, directory);
CREATE TABLE sweep (
  id INTEGER PRIMARY KEY,
  clock INTEGER NOT NULL,
  orders INTEGER NOT NULL,
  authzs INTEGER NOT NULL
) STRICT;

-- External account binding (RFC 8555 7.3.4): the keys that were handed out, and what an account was bound with.
CREATE TABLE external_key (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kid TEXT NOT NULL UNIQUE,
  secret BLOB NOT NULL,
  label TEXT NOT NULL,
  policy TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  revoked INTEGER NOT NULL,
  uses INTEGER NOT NULL,
  uses_most INTEGER NOT NULL
) STRICT;

ALTER TABLE account ADD COLUMN external_key INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN external_binding TEXT;
CREATE INDEX account_external ON account(external_key) WHERE external_key <> 0;
-- Renewal information (RFC 9773): the certificate an order replaces, the order that replaces a certificate, and
-- incidents, which move the windows of what was issued up to last_issuance.
ALTER TABLE orders ADD COLUMN replaces TEXT;

CREATE TABLE replacement (
  issuance_id INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL
) STRICT;
CREATE INDEX replacement_order ON replacement(order_id);

CREATE TABLE incident (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created INTEGER NOT NULL,
  over INTEGER NOT NULL,
  explanation TEXT NOT NULL,
  last_issuance INTEGER NOT NULL,
  account_id INTEGER NOT NULL,
  begun_from INTEGER NOT NULL,
  begun_before INTEGER NOT NULL,
  name TEXT,
  profile TEXT,
  key_hash BLOB,
  issuer BLOB,
  by_serial INTEGER NOT NULL
) STRICT;

CREATE TABLE incident_serial (
  serial BLOB NOT NULL,
  incident_id INTEGER NOT NULL,
  PRIMARY KEY (serial, incident_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_serial_incident ON incident_serial(incident_id);

-- Rate limits: buckets that are not empty yet (the time is in microseconds), rates of single buckets, identifiers
-- paused for an account, and until when a set of identifiers has a valid certificate.
CREATE TABLE limit_bucket (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  tat INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX limit_bucket_tat ON limit_bucket(tat);

CREATE TABLE limit_override (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  rate TEXT NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE limit_pause (
  account_id INTEGER NOT NULL,
  identifier TEXT NOT NULL,
  since INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (account_id, identifier)
) STRICT, WITHOUT ROWID;

CREATE TABLE limit_set (
  hash BLOB PRIMARY KEY,
  not_after INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX limit_set_not_after ON limit_set(not_after);

-- The terms of service an account agreed to last (RFC 8555 7.3.3).
ALTER TABLE account ADD COLUMN terms TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN terms_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE authz ADD COLUMN lifetime INTEGER NOT NULL DEFAULT 0;
ALTER TABLE authz ADD COLUMN subdomains INTEGER NOT NULL DEFAULT 0;
CREATE INDEX authz_asked ON authz(account_id, type, value) WHERE order_id = 0 AND verdict = 0 AND deactivated = 0;
CREATE INDEX authz_above ON authz(account_id, type, value) WHERE subdomains = 1 AND verdict = 1 AND deactivated = 0;

ALTER TABLE orders ADD COLUMN reuse_key BLOB;
CREATE INDEX orders_reuse ON orders(reuse_key) WHERE reuse_key IS NOT NULL;

-- Orders that the CA renews itself (RFC 8739).
ALTER TABLE orders ADD COLUMN star INTEGER NOT NULL DEFAULT 0;
CREATE TABLE star (
  order_id INTEGER PRIMARY KEY,
  start INTEGER NOT NULL,
  finish INTEGER NOT NULL,
  lifetime INTEGER NOT NULL,
  adjust INTEGER NOT NULL,
  allow_get INTEGER NOT NULL,
  token BLOB NOT NULL,
  first INTEGER NOT NULL,
  due INTEGER NOT NULL,
  canceled INTEGER NOT NULL,
  spki BLOB NOT NULL
) STRICT;
CREATE INDEX star_due ON star(due) WHERE due <> 0;
