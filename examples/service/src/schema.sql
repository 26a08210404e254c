-- The shop's own tables. The queue has a schema of its own, `forge`, in the same database.
CREATE TABLE IF NOT EXISTS stock (item text PRIMARY KEY, pieces integer NOT NULL CHECK (pieces >= 0));
CREATE TABLE IF NOT EXISTS orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item text NOT NULL REFERENCES stock,
    email text NOT NULL
);
CREATE TABLE IF NOT EXISTS invoices (order_id bigint PRIMARY KEY REFERENCES orders, text text NOT NULL);
-- What the shop knows to have been sent: a job that is repeated sends no mail again.
CREATE TABLE IF NOT EXISTS sent_mails (order_id bigint PRIMARY KEY REFERENCES orders, sent_at timestamptz NOT NULL DEFAULT now());
-- In place of a mail server: one row for each mail that went out. A real one can drop a message id that it has seen.
CREATE TABLE IF NOT EXISTS mails (message_id text NOT NULL, email text NOT NULL);
-- People who work here. Codes and sessions are random, so their hashes need neither salt nor stretching.
CREATE TABLE IF NOT EXISTS people (
    name text PRIMARY KEY,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    code bytea NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS sessions (
    hash bytea PRIMARY KEY,
    name text NOT NULL REFERENCES people ON DELETE CASCADE,
    ends_at timestamptz NOT NULL
);
INSERT INTO stock VALUES ('book', 1000), ('unicorn', 0) ON CONFLICT DO NOTHING;
