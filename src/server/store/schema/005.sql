-- What revocation lists, audits and later checks want to know of a certificate without reading it: by which key it is
-- signed (the issuer's key identifier; empty for those of before), which part of its issuer's revocation list it is in,
-- and what it was made by.
ALTER TABLE issuance ADD COLUMN issuer BLOB NOT NULL DEFAULT x'';
ALTER TABLE issuance ADD COLUMN shard INTEGER NOT NULL DEFAULT 0;
ALTER TABLE issuance ADD COLUMN profile TEXT NOT NULL DEFAULT '';
ALTER TABLE issuance ADD COLUMN directory TEXT NOT NULL DEFAULT '';

-- Revocation lists (RFC 5280 5). What stands in them, in the order they are written; `listed` is 0 for revocations of
-- before, whose issuer is in their certificate only. `crl` has a row for each list: `changed` counts what concerns it,
-- `covers` is what that was when it was made last. The whole list of an issuer is part 0, which everything concerns.
ALTER TABLE revocation ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX revocation_unlisted ON revocation(issuance_id) WHERE listed = 0;

CREATE TABLE crl_entry (
  issuer BLOB NOT NULL,
  shard INTEGER NOT NULL,
  issuance_id INTEGER NOT NULL,
  serial BLOB NOT NULL,
  at INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  PRIMARY KEY (issuer, shard, issuance_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crl (
  issuer BLOB NOT NULL,
  shard INTEGER NOT NULL,
  changed INTEGER NOT NULL DEFAULT 0,
  covers INTEGER NOT NULL DEFAULT 0,
  number INTEGER NOT NULL DEFAULT 0,
  this_update INTEGER NOT NULL DEFAULT 0,
  next_update INTEGER NOT NULL DEFAULT 0,
  entries INTEGER NOT NULL DEFAULT 0,
  hash BLOB NOT NULL DEFAULT x'',
  PRIMARY KEY (issuer, shard)
) STRICT, WITHOUT ROWID;

-- Certificates by their key: whoever has it revokes all of them. The first octets find them as well, and what is random
-- in an index is paid for by those who issue, so there is half as much of it.
CREATE INDEX issuance_key ON issuance(substr(key_hash, 1, 8));
-- Why a key is blocked, in the operator's words; empty: a certificate for it was revoked as compromised.
ALTER TABLE blocked_key ADD COLUMN reason TEXT NOT NULL DEFAULT '';

-- Precertificates (RFC 6962 3.1) that were signed: each counts as issued, whether its certificate is made or not. `final`
-- is what is signed then, as soon as there are timestamps for it. An issuance whose logs gave too few waits (state 3)
-- until its order is finalized again.
CREATE TABLE precertificate (
  issuance_id INTEGER PRIMARY KEY,
  der BLOB NOT NULL,
  final BLOB
);
