-- Version 8: how many answers stay right. A test of suite 'accuracy' has no samples, only answers; tests of speed have
-- those of the small model that ships with the program in the same quantization, KV cache, backend and instruction set.
-- A test without a row here was not asked, as all from before.

CREATE TABLE accuracy (
    test_id             INTEGER PRIMARY KEY REFERENCES test(id) ON DELETE CASCADE,
    model               TEXT NOT NULL, -- that answered
    model_digest        TEXT NOT NULL,
    items_digest        TEXT NOT NULL, -- xxh3-128 of the file of items
    reference           TEXT NOT NULL, -- whose answers stand beside: 'F32'; '': none
    n_file              INTEGER NOT NULL, -- items in the file
    n_items             INTEGER NOT NULL, -- of these, how many were to be asked
    n_threads           INTEGER NOT NULL, -- answers worked on at a time, one thread each
    prune               REAL NOT NULL, -- share of each row's weights that were made 0 on load
    prefill_ts          REAL, -- tokens per second of one such thread
    decode_ts           REAL,
    wall_ns             REAL,
    others_cpu_percent  REAL
);

-- Right answers in one part and language; beside the reference, for how many it is known, how many of these it had
-- right, and how many of its right ones became wrong (lost), of its wrong ones right (gained).
CREATE TABLE accuracy_part (
    test_id          INTEGER NOT NULL REFERENCES accuracy(test_id) ON DELETE CASCADE,
    seq              INTEGER NOT NULL,
    part             TEXT NOT NULL,
    lang             TEXT NOT NULL,
    n                INTEGER NOT NULL,
    right_n          INTEGER NOT NULL,
    n_paired         INTEGER NOT NULL,
    reference_right  INTEGER NOT NULL,
    lost             INTEGER NOT NULL,
    gained           INTEGER NOT NULL,
    PRIMARY KEY (test_id, seq)
) WITHOUT ROWID;

PRAGMA user_version = 8;
