-- Version 7: how the weights were loaded, and of the time to load what repacking them took, with the bytes of the
-- repacked copy. Until now all were repacked; how long it took was not kept: NULL.

ALTER TABLE test ADD COLUMN load TEXT NOT NULL DEFAULT 'pack';
ALTER TABLE test ADD COLUMN pack_ns REAL;
ALTER TABLE test ADD COLUMN packed_bytes REAL;

PRAGMA user_version = 7;
