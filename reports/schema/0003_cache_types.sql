-- Version 3: the types of the KV cache, keys and values apart. Until now both were always F16.

ALTER TABLE test ADD COLUMN type_k TEXT NOT NULL DEFAULT 'f16';
ALTER TABLE test ADD COLUMN type_v TEXT NOT NULL DEFAULT 'f16';

DROP VIEW llama_bench;
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
       t.type_k AS type_k,
       t.type_v AS type_v,
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

PRAGMA user_version = 3;
