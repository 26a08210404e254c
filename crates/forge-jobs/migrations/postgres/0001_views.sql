-- For people with a SQL prompt: stable and documented (docs/operations.md).
CREATE VIEW {schema}.forge_inspect_jobs AS
SELECT j.id,
       k.name AS kind,
       q.name AS queue,
       CASE WHEN f.status = 4 THEN 'done' WHEN f.status = 5 THEN 'dead' WHEN r.id IS NOT NULL THEN 'running'
            WHEN y.id IS NOT NULL THEN 'pending' WHEN s.id IS NOT NULL THEN 'scheduled'
            WHEN t.id IS NOT NULL THEN 'retrying' END AS status,
       CASE f.reason WHEN 0 THEN 'exhausted' WHEN 1 THEN 'discarded' WHEN 2 THEN 'cancelled' WHEN 3 THEN 'poison'
                     WHEN 4 THEN 'undecodable' END AS dead_reason,
       coalesce(f.attempt, r.attempt, j.attempts) AS attempt,
       j.max_attempts,
       coalesce(f.claim_no, r.claim_no, j.last_claim_no) AS claim_no,
       p.id AS process,
       j.priority,
       j.created_at,
       j.due_at,
       coalesce(f.started_at, r.claimed_at) AS started_at,
       f.finished_at,
       r.cancel_at AS cancel_requested_at,
       j.throttles,
       j.crashes,
       j.suspect,
       j.dedupe_key,
       j.concurrency_key,
       j.tags,
       coalesce(f.error, j.error) AS error,
       j.progress,
       f.output,
       j.payload
FROM {schema}.jobs j
JOIN {schema}.kinds k ON k.no = j.kind
JOIN {schema}.queues q ON q.no = j.queue
LEFT JOIN {schema}.finished f ON f.id = j.id
LEFT JOIN {schema}.running r ON r.id = j.id
LEFT JOIN {schema}.processes p ON p.no = coalesce(f.process, r.process)
LEFT JOIN {schema}.ready y ON y.queue = j.queue AND y.lane IN ((j.suspect > 0)::integer, 2) AND y.kind = j.kind
                          AND y.priority = j.priority AND y.due_at = j.due_at AND y.id = j.id
LEFT JOIN {schema}.deferred s ON s.status = 1 AND s.due_at = j.due_at AND s.id = j.id
LEFT JOIN {schema}.deferred t ON t.status = 3 AND t.due_at = j.due_at AND t.id = j.id;

CREATE VIEW {schema}.forge_job_events AS
SELECT e.id AS job, e.at, e.event, e.attempt, e.claim_no, p.id AS process, e.detail, e.rank, p.host, p.version, e.cause,
       e.ran_us, e.actor
FROM (SELECT j.id, j.created_at AS at, 'enqueued' AS event, NULL::integer AS attempt, NULL::bigint AS claim_no,
             NULL::integer AS process, NULL::text AS detail, 0 AS rank, 'caller' AS cause, NULL::bigint AS ran_us,
             NULL::text AS actor
      FROM {schema}.jobs j
      UNION ALL
      SELECT id, claimed_at, 'started', attempt, claim_no, process, NULL, 1, 'claim', NULL, NULL FROM {schema}.running
      UNION ALL
      SELECT id, started_at, 'started', attempt, claim_no, process, NULL, 1, 'claim', NULL, NULL FROM {schema}.attempts
      UNION ALL
      SELECT id, at, event, NULL, claim_no, process, NULL,
             CASE WHEN event IN ('dead', 'cancelled') THEN 4 ELSE 2 END,
             CASE event WHEN 'released' THEN 'handed_back' WHEN 'replaced' THEN 'caller' WHEN 'dead' THEN NULL
                        ELSE 'operator' END, NULL, actor
      FROM {schema}.notes
      UNION ALL
      SELECT id, ended_at, CASE result WHEN 1 THEN 'throttled' WHEN 4 THEN 'crashed' ELSE 'failed' END, attempt,
             claim_no, process, error, 3,
             coalesce(details::json ->> 'cause',
                      CASE result WHEN 3 THEN 'cancel' WHEN 4 THEN 'process_died' ELSE 'handler' END),
             ended_at - started_at, NULL
      FROM {schema}.attempts
      UNION ALL
      SELECT id, started_at, 'started', attempt, claim_no, process, NULL, 1, 'claim', NULL, NULL
      FROM {schema}.finished WHERE status = 4
      UNION ALL
      SELECT id, finished_at, CASE WHEN status = 4 THEN 'done' WHEN reason = 2 THEN 'cancelled' ELSE 'dead' END,
             attempt, claim_no, process, error, 4,
             CASE reason WHEN 0 THEN 'exhausted' WHEN 1 THEN 'discarded' WHEN 2 THEN 'operator' WHEN 3 THEN 'poison'
                         WHEN 4 THEN 'undecodable' ELSE 'handler' END,
             finished_at - started_at, NULL
      FROM {schema}.finished) e
LEFT JOIN {schema}.processes p ON p.no = e.process;
