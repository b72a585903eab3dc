"""SQL views of the events, for anyone who opens the journal with ``sqlite3``: they store nothing."""

from __future__ import annotations

VIEWS = """
CREATE VIEW IF NOT EXISTS task AS
SELECT p.body ->> 'purpose' AS purpose, p.body ->> 'key' AS key, p.body ->> 'task' AS task,
       coalesce(f.body ->> 'status', 'running') AS status, f.body ->> 'reason' AS reason,
       f.body ->> 'detail' AS detail, p.t AS planned_t,
       f.body ->> '$.timing.started_t' AS started_t, f.body ->> '$.timing.finished_t' AS finished_t,
       f.body ->> '$.timing.cpu_s' AS cpu_s, f.body ->> '$.timing.host' AS host, f.body ->> '$.timing.pid' AS pid,
       f.body ->> 'reused' AS reused
FROM event AS p LEFT JOIN event AS f
  ON f.seq = (SELECT max(l.seq) FROM event AS l
              WHERE l.kind = 'task_finished' AND l.body ->> 'purpose' = p.body ->> 'purpose')
WHERE p.kind = 'task_planned'
  AND p.seq = (SELECT max(q.seq) FROM event AS q
               WHERE q.kind = 'task_planned' AND q.body ->> 'purpose' = p.body ->> 'purpose');

CREATE VIEW IF NOT EXISTS label AS
SELECT substr(f.body ->> 'purpose', 7) AS frame, f.body ->> 'key' AS key, f.body ->> 'status' AS status,
       f.body ->> 'reason' AS reason, f.body ->> '$.summary.energy_eV' AS energy_eV,
       f.body ->> '$.summary.max_force_eV_per_A' AS max_force_eV_per_A,
       f.body ->> '$.summary.scf_iterations' AS scf_iterations, f.body ->> '$.summary.scf_rung' AS scf_rung,
       f.body ->> '$.timing.cpu_s' AS cpu_s
FROM event AS f WHERE f.kind = 'task_finished' AND f.body ->> 'purpose' LIKE 'label/%'
  AND f.seq = (SELECT max(l.seq) FROM event AS l
               WHERE l.kind = 'task_finished' AND l.body ->> 'purpose' = f.body ->> 'purpose');

CREATE VIEW IF NOT EXISTS frame AS
SELECT c.value ->> 'walker' || '/' || (c.value ->> 'segment') || '/' || (o.value ->> 'index') AS id,
       c.value ->> 'system' AS system, c.value ->> 'walker' AS walker,
       c.value ->> 'segment' AS segment, p.body ->> '$.context.generation' AS generation,
       c.value ->> 'temperature_K' AS walker_temperature_K, o.value ->> 'step' AS step,
       o.value ->> 'temperature_K' AS temperature_K, o.value ->> 'why' AS offered_because,
       o.value ->> 'disagreement_eV_per_A' AS disagreement_eV_per_A,
       o.value ->> 'expected_error_eV_per_A' AS expected_error_eV_per_A, o.value ->> 'min_contact' AS min_contact,
       o.value ->> 'structure_sha256' AS structure_sha256
FROM event AS f
JOIN event AS p
  ON p.seq = (SELECT max(q.seq) FROM event AS q
              WHERE q.kind = 'task_planned' AND q.body ->> 'purpose' = f.body ->> 'purpose')
JOIN json_each(coalesce(p.body -> '$.context.walkers', json_array(p.body -> '$.context'))) AS c
JOIN json_each(coalesce(f.body -> '$.summary.walkers', json_array(f.body -> '$.summary'))) AS w ON w.key = c.key
JOIN json_each(w.value, '$.offers') AS o
WHERE f.kind = 'task_finished';

CREATE VIEW IF NOT EXISTS selection AS
SELECT e.seq AS seq, c.value ->> 'id' AS frame, 'chosen' AS outcome, c.value ->> 'rank' AS rank,
       c.value ->> 'why' AS why, e.body ->> 'generation' AS generation
FROM event AS e, json_each(e.body, '$.chosen') AS c WHERE e.kind = 'frames_selected'
UNION ALL
SELECT e.seq, r.key, 'rejected', NULL, r.value, e.body ->> 'generation'
FROM event AS e, json_each(e.body, '$.rejected') AS r WHERE e.kind = 'frames_selected'
UNION ALL
SELECT e.seq, h.value, 'heldout', NULL, 'heldout', NULL
FROM event AS e, json_each(e.body, '$.frames') AS h WHERE e.kind = 'heldout_drawn'
UNION ALL
SELECT e.seq, h.value, 'retired', NULL, 'retired', NULL
FROM event AS e, json_each(e.body, '$.retired') AS h WHERE e.kind = 'heldout_drawn';

CREATE VIEW IF NOT EXISTS generation AS
SELECT e.body ->> 'number' AS number, e.body ->> 'labels' AS labels, e.body ->> 'rung' AS rung, e.t AS opened_t
FROM event AS e WHERE e.kind = 'generation_opened';

CREATE VIEW IF NOT EXISTS epoch AS
SELECT f.body ->> 'purpose' AS fit, h.value ->> 'step' AS step, h.value ->> 'loss' AS loss,
       h.value ->> 'rmse_energy_meV_per_atom' AS rmse_energy_meV_per_atom,
       h.value ->> 'rmse_forces_meV_per_A' AS rmse_forces_meV_per_A, h.value ->> 'learning_rate' AS learning_rate
FROM event AS f, json_each(f.body, '$.summary.history') AS h
WHERE f.kind = 'task_finished' AND f.body ->> 'purpose' LIKE 'fit/%';

CREATE VIEW IF NOT EXISTS rung AS
SELECT r.value ->> 'size' AS size, e.body ->> 'heldout' AS heldout, e.body ->> 'size' AS judged_at,
       r.value AS numbers
FROM event AS e, json_each(e.body, '$.table') AS r WHERE e.kind = 'rung_judged';
"""
