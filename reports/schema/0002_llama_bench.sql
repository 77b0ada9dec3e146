-- Version 2: a view with the columns of llama-bench's SQL table, in its order, for scripts written for that tool.
--
-- avg_* and stddev_* are worked out here from the raw samples: mean and sample standard deviation, 0 for one
-- sample. SQLite's sqrt() is optional, so the root is taken by Newton's method: plain SQL that any
-- build of SQLite can read. Columns that this engine has no counterpart for hold llama-bench's CPU defaults.
-- Like llama-bench, the view lists every test with samples; test.valid says which to trust.
--
-- llama.cpp's compare-llama-bench.py looks for tables only. A copy of the view serves it:
--   sqlite3 llama-bench.sqlite "ATTACH 'results/aglm.db' AS a; CREATE TABLE llama_bench AS SELECT * FROM a.llama_bench"

CREATE VIEW test_statistics AS
WITH mean AS (
    SELECT t.id AS test_id, count(*) AS n, avg(s.total_ns) AS ns,
           avg(1e9 * (t.n_prompt + t.n_gen) / s.total_ns) AS ts
    FROM test t JOIN sample s ON s.test_id = t.id
    GROUP BY t.id),
variance AS (
    SELECT m.test_id, m.n, m.ns, m.ts,
           total((s.total_ns - m.ns) * (s.total_ns - m.ns)) / max(m.n - 1, 1) AS ns2,
           total((1e9 * (t.n_prompt + t.n_gen) / s.total_ns - m.ts)
                 * (1e9 * (t.n_prompt + t.n_gen) / s.total_ns - m.ts)) / max(m.n - 1, 1) AS ts2
    FROM mean m JOIN test t ON t.id = m.test_id JOIN sample s ON s.test_id = t.id
    GROUP BY m.test_id)
SELECT v.test_id, v.n, v.ns AS avg_ns, v.ts AS avg_ts,
       CASE WHEN v.ns2 > 0 THEN (
           WITH RECURSIVE root(x, i) AS (
               SELECT max(v.ns2, 1.0), 0 UNION ALL SELECT (x + v.ns2 / x) / 2, i + 1 FROM root WHERE i < 80)
           SELECT x FROM root WHERE i = 80) ELSE 0.0 END AS stddev_ns,
       CASE WHEN v.ts2 > 0 THEN (
           WITH RECURSIVE root(x, i) AS (
               SELECT max(v.ts2, 1.0), 0 UNION ALL SELECT (x + v.ts2 / x) / 2, i + 1 FROM root WHERE i < 80)
           SELECT x FROM root WHERE i = 80) ELSE 0.0 END AS stddev_ts
FROM variance v;

CREATE VIEW llama_bench AS
SELECT substr(t.commit_id, 1, 9) AS build_commit,
       0 AS build_number,
       t.cpu_info AS cpu_info,
       t.gpu_info AS gpu_info,
       upper(t.backend) AS backends,
       t.model_path AS model_filename,
       t.model_type AS model_type,
       t.model_size AS model_size,
       t.model_n_params AS model_n_params,
       t.n_batch AS n_batch,
       t.n_ubatch AS n_ubatch,
       t.n_threads AS n_threads,
       CASE t.cpu_mask WHEN '' THEN '0x0' ELSE t.cpu_mask END AS cpu_mask,
       t.cpu_strict AS cpu_strict,
       50 AS poll,
       'f16' AS type_k,
       'f16' AS type_v,
       0 AS n_gpu_layers,
       0 AS n_cpu_moe,
       'layer' AS split_mode,
       0 AS main_gpu,
       0 AS no_kv_offload,
       0 AS flash_attn,
       'auto' AS devices,
       '0.00' AS tensor_split,
       'none' AS tensor_buft_overrides,
       1 AS use_mmap,
       0 AS embeddings,
       0 AS no_op_offload,
       0 AS no_host,
       t.n_prompt AS n_prompt,
       t.n_gen AS n_gen,
       t.n_depth AS n_depth,
       strftime('%Y-%m-%dT%H:%M:%SZ', t.started_ms / 1000, 'unixepoch') AS test_time,
       CAST(q.avg_ns AS INTEGER) AS avg_ns,
       CAST(q.stddev_ns AS INTEGER) AS stddev_ns,
       q.avg_ts AS avg_ts,
       q.stddev_ts AS stddev_ts
FROM test t JOIN test_statistics q ON q.test_id = t.id;

PRAGMA user_version = 2;
