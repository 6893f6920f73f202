-- When CAA records (RFC 8659) were last found to allow certificates: for the name of an authorization, and for all
-- names of an order.
ALTER TABLE authz ADD COLUMN caa_checked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN caa_checked INTEGER NOT NULL DEFAULT 0;

-- What looking them up again before a certificate came to: a row for each name, with its evidence (docs/evidence.md).
-- issuance_id is the order's newest then, 0 if it had none.
CREATE TABLE caa_look (
  id INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL,
  round INTEGER NOT NULL,
  name TEXT NOT NULL,
  asked INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  issuance_id INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX caa_look_order ON caa_look(order_id, round);

-- What may prove an authorization: bits 1 << type of challenge, as the profile of its order says; 0: every one.
ALTER TABLE authz ADD COLUMN challenges INTEGER NOT NULL DEFAULT 0;
