-- Version 9: what the device went through while a repetition ran, where somebody watched: one row for a sample. NULL:
-- unknown. energy says what joules is from, or why it is unknown.

CREATE TABLE telemetry (
    sample_id INTEGER PRIMARY KEY REFERENCES sample (id) ON DELETE CASCADE,
    started_ms INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    energy TEXT NOT NULL,
    own_cpu_percent REAL,
    temperature_min_degc REAL,
    temperature_median_degc REAL,
    temperature_max_degc REAL,
    frequency_low_khz REAL,
    limit_low_percent REAL,
    limit_top_percent REAL,
    cooling_max_percent REAL,
    cooling_floor_percent REAL,
    throttles REAL,
    android_status REAL,
    battery_max_degc REAL,
    joules REAL
);

PRAGMA user_version = 9;
