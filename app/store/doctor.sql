-- The book's checks: each row returned is one thing that is wrong. No rows: the book is right.
-- Run by `busbar doctor`, by the tests and by the nightly reconciler.

SELECT 'lots never go below zero' AS check_name, id AS subject,
       format('amount %s, used %s, held %s', amount_nanos, used_nanos, held_nanos) AS detail
  FROM lots
 WHERE used_nanos < 0 OR held_nanos < 0 OR used_nanos + held_nanos > amount_nanos

UNION ALL
SELECT 'what a lot holds is what open holds draw from it', l.id,
       format('held %s, open holds %s', l.held_nanos, coalesce(h.nanos, 0))
  FROM lots l
  LEFT JOIN (SELECT p.lot_id, sum(p.amount_nanos) AS nanos
               FROM hold_lots p JOIN holds h ON h.job_id = p.job_id AND h.state = 'open'
              GROUP BY p.lot_id) h ON h.lot_id = l.id
 WHERE l.held_nanos <> coalesce(h.nanos, 0)

UNION ALL
SELECT 'what a lot has spent is what was captured from it', l.id,
       format('used %s, captures %s', l.used_nanos, coalesce(t.nanos, 0))
  FROM lots l
  LEFT JOIN (SELECT lot_id, sum(amount_nanos) AS nanos
               FROM transfers WHERE kind = 'capture' GROUP BY lot_id) t ON t.lot_id = l.id
 WHERE l.used_nanos <> coalesce(t.nanos, 0)

UNION ALL
SELECT 'every lot was credited by one transfer', l.id,
       format('amount %s, credited %s by %s', l.amount_nanos, coalesce(t.nanos, 0),
              coalesce(t.deposits, 0))
  FROM lots l
  LEFT JOIN (SELECT lot_id, sum(amount_nanos) AS nanos, count(*) AS deposits
               FROM transfers WHERE kind = 'deposit' GROUP BY lot_id) t ON t.lot_id = l.id
 WHERE l.amount_nanos <> coalesce(t.nanos, 0) OR t.deposits <> 1

UNION ALL
-- That all books sum to zero needs no check: both sides of a transfer stand on one row. What can go
-- wrong is which books they are.
SELECT 'a transfer moves between the books of its kind', id,
       format('%s from %s to %s, account %s', kind, debit, credit, account_id)
  FROM transfers
 WHERE NOT CASE kind
           WHEN 'deposit' THEN debit = 'platform:funding' AND credit = account_id
           WHEN 'capture' THEN debit = account_id AND credit = 'platform:revenue'
           ELSE false END

UNION ALL
SELECT 'an account''s book is what its lots have left', a.id,
       format('book %s, lots %s', coalesce(b.nanos, 0), coalesce(l.nanos, 0))
  FROM accounts a
  LEFT JOIN (SELECT book, sum(nanos) AS nanos
               FROM (SELECT credit AS book, amount_nanos AS nanos FROM transfers
                     UNION ALL
                     SELECT debit, -amount_nanos FROM transfers) sides
              GROUP BY book) b ON b.book = a.id
  LEFT JOIN (SELECT account_id, sum(amount_nanos - used_nanos) AS nanos
               FROM lots GROUP BY account_id) l ON l.account_id = a.id
 WHERE coalesce(b.nanos, 0) <> coalesce(l.nanos, 0)

UNION ALL
SELECT 'a hold is the sum of its lots'' parts', h.job_id,
       format('hold %s, parts %s', h.amount_nanos, coalesce(p.nanos, 0))
  FROM holds h
  LEFT JOIN (SELECT job_id, sum(amount_nanos) AS nanos FROM hold_lots GROUP BY job_id) p
    ON p.job_id = h.job_id
 WHERE h.amount_nanos <> coalesce(p.nanos, 0)

UNION ALL
SELECT 'a hold captured what was transferred', h.job_id,
       format('captured %s, transfers %s', h.captured_nanos, coalesce(t.nanos, 0))
  FROM holds h
  LEFT JOIN (SELECT job_id, sum(amount_nanos) AS nanos
               FROM transfers WHERE kind = 'capture' GROUP BY job_id) t ON t.job_id = h.job_id
 WHERE h.captured_nanos <> coalesce(t.nanos, 0)

UNION ALL
SELECT 'captures belong to the account that held', t.id,
       format('transfer of %s, hold of %s, lot of %s', t.account_id, h.account_id, l.account_id)
  FROM transfers t
  JOIN lots l ON l.id = t.lot_id
  LEFT JOIN holds h ON h.job_id = t.job_id
 WHERE t.account_id <> l.account_id
    OR (t.kind = 'capture' AND (h.job_id IS NULL OR t.account_id <> h.account_id))

UNION ALL
SELECT 'a hold is open exactly while its job goes on', j.id,
       format('job %s, hold %s', j.state, h.state)
  FROM jobs j JOIN holds h ON h.job_id = j.id
 WHERE (j.finished_at IS NULL) <> (h.state = 'open')

UNION ALL
SELECT 'a hold draws on the account of its job', h.job_id,
       format('job of %s, hold of %s, lot of %s', j.account_id, h.account_id, l.account_id)
  FROM holds h
  JOIN jobs j ON j.id = h.job_id
  LEFT JOIN hold_lots p ON p.job_id = h.job_id
  LEFT JOIN lots l ON l.id = p.lot_id
 WHERE h.account_id <> j.account_id OR l.account_id <> h.account_id

UNION ALL
SELECT 'an answer was settled once, at its cost', j.id,
       format('cost %s, hold %s captured %s', j.cost_nanos, h.state, h.captured_nanos)
  FROM jobs j LEFT JOIN holds h ON h.job_id = j.id
 WHERE (j.state = 'succeeded' OR j.partial)
   AND (h.state IS DISTINCT FROM 'captured' OR j.cost_nanos IS DISTINCT FROM h.captured_nanos)

UNION ALL
SELECT 'only answers cost money', j.id, format('%s, captured %s', j.state, h.captured_nanos)
  FROM jobs j JOIN holds h ON h.job_id = j.id
 WHERE j.state <> 'succeeded' AND NOT j.partial
   AND (h.captured_nanos > 0 OR coalesce(j.cost_nanos, 0) > 0)

UNION ALL
SELECT 'a running job has a hold and an open attempt', j.id,
       format('attempt %s, hold %s', j.attempt, coalesce(h.state, 'missing'))
  FROM jobs j
  LEFT JOIN holds h ON h.job_id = j.id
  LEFT JOIN attempts a ON a.job_id = j.id AND a.number = j.attempt
 WHERE j.state = 'running' AND (h.state IS DISTINCT FROM 'open' OR a.state IS DISTINCT FROM 'open')

UNION ALL
SELECT 'a job that does not run has no open attempt', j.id, format('job %s', j.state)
  FROM jobs j JOIN attempts a ON a.job_id = j.id AND a.state = 'open'
 WHERE j.state <> 'running'

UNION ALL
SELECT 'a succeeded job has one winning attempt', j.id, format('%s winning attempts', count(a.*))
  FROM jobs j LEFT JOIN attempts a ON a.job_id = j.id AND a.state = 'succeeded'
 WHERE j.state = 'succeeded'
 GROUP BY j.id
HAVING count(a.*) <> 1

ORDER BY 1, 2
LIMIT 1000
