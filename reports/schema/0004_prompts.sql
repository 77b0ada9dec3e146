-- Version 4: which prompt of a suite a test ran: xxh3-128 of its token ids and of the text they were made from.
-- Empty: random ids under the seed.

ALTER TABLE test ADD COLUMN prompt_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE test ADD COLUMN text_digest TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 4;
