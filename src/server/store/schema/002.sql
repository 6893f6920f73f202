CREATE INDEX orders_account ON orders(account_id);
CREATE INDEX authz_proved ON authz(account_id, type, value) WHERE verdict = 1 AND deactivated = 0;

CREATE TABLE revocation (
  issuance_id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  reason INTEGER NOT NULL
) STRICT;

CREATE TABLE blocked_key (
  hash BLOB PRIMARY KEY,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
