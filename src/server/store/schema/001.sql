CREATE TABLE setting (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
  id INTEGER PRIMARY KEY,
  thumbprint BLOB NOT NULL,
  jwk TEXT NOT NULL,
  contacts TEXT NOT NULL,
  terms_agreed INTEGER NOT NULL,
  status INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX account_thumbprint ON account(thumbprint);

CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  profile TEXT NOT NULL,
  identifiers BLOB NOT NULL,
  authzs BLOB NOT NULL,
  error TEXT
) STRICT;

CREATE TABLE authz (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL,
  order_id INTEGER NOT NULL,
  type INTEGER NOT NULL,
  value TEXT NOT NULL,
  wildcard INTEGER NOT NULL,
  seed BLOB NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  deactivated INTEGER NOT NULL,
  attempt_type INTEGER NOT NULL,
  attempt_begun INTEGER NOT NULL,
  attempt_finished INTEGER NOT NULL,
  verdict INTEGER NOT NULL,
  error TEXT,
  record TEXT
) STRICT;
CREATE INDEX authz_unfinished ON authz(id) WHERE attempt_begun <> 0 AND attempt_finished = 0;

CREATE TABLE chain (
  id INTEGER PRIMARY KEY,
  issuers BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE issuance (
  id INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL,
  account_id INTEGER NOT NULL,
  serial BLOB NOT NULL,
  tbs BLOB NOT NULL,
  key_hash BLOB NOT NULL,
  csr_hash BLOB NOT NULL,
  begun INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  state INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX issuance_serial ON issuance(serial);
CREATE INDEX issuance_order ON issuance(order_id);
CREATE INDEX issuance_unfinished ON issuance(id) WHERE state = 0;

CREATE TABLE certificate (
  id INTEGER PRIMARY KEY,
  der BLOB NOT NULL,
  chain_id INTEGER NOT NULL
) STRICT;
