-- Version 5: the work of a test and the device's limits, measured in the same run: the best, median and lowest
-- window of each. NULL or '': not measured, as in all tests from before.

ALTER TABLE test ADD COLUMN kv_bytes_per_token REAL;
ALTER TABLE test ADD COLUMN prefill_ops REAL;
ALTER TABLE test ADD COLUMN prefill_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE test ADD COLUMN roof_read_bytes_per_s REAL;
ALTER TABLE test ADD COLUMN roof_read_median_bytes_per_s REAL;
ALTER TABLE test ADD COLUMN roof_read_low_bytes_per_s REAL;
ALTER TABLE test ADD COLUMN roof_int8_ops_per_s REAL;
ALTER TABLE test ADD COLUMN roof_int8_median_ops_per_s REAL;
ALTER TABLE test ADD COLUMN roof_int8_low_ops_per_s REAL;
ALTER TABLE test ADD COLUMN roof_f32_ops_per_s REAL;
ALTER TABLE test ADD COLUMN roof_f32_median_ops_per_s REAL;
ALTER TABLE test ADD COLUMN roof_f32_low_ops_per_s REAL;
ALTER TABLE test ADD COLUMN roof_when TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 5;
