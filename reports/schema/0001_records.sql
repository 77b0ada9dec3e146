-- Version 1: the record in tables. Integer ids are internal; UUIDs and fingerprints identify across stores.
-- NULL means "unknown"; it is never written as 0.
-- Unsigned 64-bit values are stored as SQLite's signed 64-bit integers with the same bits.

-- A device: the fingerprint is a digest of what identifies it; an OS update is a new device.
CREATE TABLE device (
    id           INTEGER PRIMARY KEY,
    fingerprint  TEXT NOT NULL UNIQUE,
    profile      TEXT, -- the newest profile, JSON
    first_ms     INTEGER NOT NULL,
    last_ms      INTEGER NOT NULL
);

-- A run: one invocation. Its profile holds the facts as they were then (free memory, load, temperatures).
CREATE TABLE run (
    id          INTEGER PRIMARY KEY,
    uuid        TEXT NOT NULL UNIQUE,
    profile     TEXT,
    started_ms  INTEGER NOT NULL -- of its earliest test
);

CREATE TABLE test (
    id               INTEGER PRIMARY KEY,
    uuid             TEXT NOT NULL UNIQUE,
    run_id           INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    device_id        INTEGER NOT NULL REFERENCES device(id),
    suite            TEXT NOT NULL,
    name             TEXT NOT NULL,
    label            TEXT NOT NULL,
    started_ms       INTEGER NOT NULL,
    -- build
    version          TEXT NOT NULL,
    commit_id        TEXT NOT NULL,
    compiler         TEXT NOT NULL,
    flags            TEXT NOT NULL,
    -- device, in llama-bench's words
    cpu_info         TEXT NOT NULL,
    gpu_info         TEXT NOT NULL,
    -- model
    model_path       TEXT NOT NULL,
    model_name       TEXT NOT NULL,
    model_type       TEXT NOT NULL,
    arch             TEXT NOT NULL,
    quantization     TEXT NOT NULL,
    model_digest     TEXT NOT NULL,
    model_size       INTEGER NOT NULL,
    model_n_params   INTEGER NOT NULL,
    bytes_per_token  INTEGER NOT NULL,
    load_ns          INTEGER NOT NULL,
    -- configuration
    backend          TEXT NOT NULL,
    isa              TEXT NOT NULL,
    cpu_mask         TEXT NOT NULL,
    affinity         TEXT NOT NULL,
    requantize       TEXT NOT NULL,
    n_threads        INTEGER NOT NULL,
    n_batch          INTEGER NOT NULL,
    n_ubatch         INTEGER NOT NULL,
    n_prompt         INTEGER NOT NULL,
    n_gen            INTEGER NOT NULL,
    n_depth          INTEGER NOT NULL,
    repetitions      INTEGER NOT NULL, -- asked for; what was done is the count of samples
    seed             INTEGER NOT NULL,
    cpu_strict       INTEGER NOT NULL CHECK (cpu_strict IN (0, 1)),
    warmup           INTEGER NOT NULL CHECK (warmup IN (0, 1)),
    delay_s          INTEGER NOT NULL,
    order_kind       TEXT NOT NULL,
    -- verdict
    valid            INTEGER NOT NULL CHECK (valid IN (0, 1)),
    reasons          TEXT NOT NULL
);
CREATE INDEX test_by_run ON test(run_id);
CREATE INDEX test_by_device ON test(device_id, started_ms);

-- One repetition. token_ns is a little-endian array of unsigned 64-bit ns, one per further token: a row per
-- token would triple the size of the store, and single tokens are only ever read all at once.
CREATE TABLE sample (
    id              INTEGER PRIMARY KEY,
    test_id         INTEGER NOT NULL REFERENCES test(id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL, -- in the order taken, from 0
    prefill_ns      INTEGER NOT NULL,
    first_token_ns  INTEGER NOT NULL,
    total_ns        INTEGER NOT NULL,
    peak_rss_bytes  INTEGER NOT NULL,
    token_ns        BLOB NOT NULL,
    UNIQUE (test_id, seq)
);

-- The device's state just before (moment 0) and just after (moment 1) a repetition.
CREATE TABLE conditions (
    sample_id               INTEGER NOT NULL REFERENCES sample(id) ON DELETE CASCADE,
    moment                  INTEGER NOT NULL CHECK (moment IN (0, 1)),
    load_1min               REAL,
    others_cpu_percent      REAL,
    memory_available_bytes  REAL,
    temperature_max_degc    REAL,
    frequency_mean_khz      REAL,
    major_faults            REAL,
    cpu_total_ticks         REAL,
    cpu_idle_ticks          REAL,
    cpu_steal_ticks         REAL,
    cpu_self_ticks          REAL,
    PRIMARY KEY (sample_id, moment)
) WITHOUT ROWID;

PRAGMA application_id = 1634167917; -- "aglm"
PRAGMA user_version = 1;
