-- Version 6: which operators ran fused (until now all), and where the time of a test went, operator by operator,
-- where that was asked for.

ALTER TABLE test ADD COLUMN fuse TEXT NOT NULL DEFAULT 'all';

-- One operator in one phase, summed over the test's repetitions. Times are means of the threads, work of all.
CREATE TABLE operator (
    test_id       INTEGER NOT NULL REFERENCES test(id) ON DELETE CASCADE,
    seq           INTEGER NOT NULL, -- in the order of a forward pass, prefill first
    phase         TEXT NOT NULL,    -- 'prefill' or 'decode'
    name          TEXT NOT NULL,
    calls         INTEGER NOT NULL,
    ns            INTEGER NOT NULL, -- at work
    wait_ns       INTEGER NOT NULL, -- at the barriers before and behind it
    weight_bytes  REAL,
    kv_bytes      REAL,
    act_bytes     REAL,
    int8_ops      REAL,
    float_ops     REAL,
    PRIMARY KEY (test_id, seq)
) WITHOUT ROWID;

PRAGMA user_version = 6;
