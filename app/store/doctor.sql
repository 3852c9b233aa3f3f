-- The book's checks: each row returned is one thing that is wrong. No rows: the book is right.
-- Run by `busbar doctor`, by the tests and by the reconciler of the leading keeper.

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
-- A downward adjustment spends of a lot, too.
SELECT 'what a lot has spent is what was captured from it', l.id,
       format('used %s, captures %s', l.used_nanos, coalesce(t.nanos, 0))
  FROM lots l
  LEFT JOIN (SELECT lot_id, sum(amount_nanos) AS nanos
               FROM transfers WHERE debit = account_id GROUP BY lot_id) t ON t.lot_id = l.id
 WHERE l.used_nanos <> coalesce(t.nanos, 0)

UNION ALL
SELECT 'every lot was credited by one transfer', l.id,
       format('%s of %s, credited %s by %s %s', l.source, l.amount_nanos, coalesce(t.nanos, 0),
              coalesce(t.credits, 0), t.kind)
  FROM lots l
  LEFT JOIN (SELECT lot_id, sum(amount_nanos) AS nanos, count(*) AS credits, min(kind) AS kind
               FROM transfers WHERE credit = account_id GROUP BY lot_id) t ON t.lot_id = l.id
 WHERE l.amount_nanos <> coalesce(t.nanos, 0) OR t.credits <> 1 OR t.kind <> l.source

UNION ALL
SELECT 'tokens of a lot cost their share of it', id,
       format('%s of %s tokens used, %s of %s nanos', tokens_used, tokens, used_nanos, amount_nanos)
  FROM lots
 WHERE CASE WHEN tokens IS NULL THEN tokens_used <> 0
            ELSE tokens_used NOT BETWEEN 0 AND tokens
              OR used_nanos <> div(amount_nanos::numeric * tokens_used, tokens::numeric) END

UNION ALL
SELECT 'a lot has the tokens that open holds draw from it', l.id,
       format('%s tokens, used %s, held %s', l.tokens, l.tokens_used, h.tokens)
  FROM lots l
  JOIN (SELECT p.lot_id, sum(p.tokens) AS tokens
          FROM hold_lots p JOIN holds h ON h.job_id = p.job_id AND h.state = 'open'
         GROUP BY p.lot_id) h ON h.lot_id = l.id
 WHERE l.tokens_used + h.tokens > l.tokens

UNION ALL
SELECT 'a hold sets aside what its tokens may cost', p.job_id,
       format('%s tokens of %s, %s nanos', p.tokens, l.id, p.amount_nanos)
  FROM hold_lots p JOIN lots l ON l.id = p.lot_id
 WHERE CASE WHEN l.tokens IS NULL THEN p.tokens IS NOT NULL
            ELSE p.tokens IS NULL
              OR p.amount_nanos <> div(
                   p.tokens::numeric * l.amount_nanos + l.tokens - 1, l.tokens::numeric) END

UNION ALL
-- That all books sum to zero needs no check: both sides of a transfer stand on one row. What can go
-- wrong is which books they are.
SELECT 'a transfer moves between the books of its kind', id,
       format('%s from %s to %s, account %s', kind, debit, credit, account_id)
  FROM transfers
 WHERE NOT CASE kind
           WHEN 'capture' THEN debit = account_id AND credit = 'platform:revenue'
           WHEN 'overrun' THEN debit = account_id AND credit = 'platform:revenue'
           WHEN 'shortfall' THEN debit = 'platform:shortfall' AND credit = 'platform:revenue'
           WHEN 'adjustment' THEN (debit, credit) IN (('platform:adjustments', account_id),
                                                      (account_id, 'platform:adjustments'))
           WHEN 'grant' THEN debit = 'platform:grants' AND credit = account_id
           WHEN 'refund' THEN debit = 'platform:revenue' AND credit = account_id
           ELSE debit = 'platform:funding' AND credit = account_id END

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
SELECT 'an overrun is what further lots paid', h.job_id,
       format('overrun %s, transfers %s', h.overrun_nanos, coalesce(t.nanos, 0))
  FROM holds h
  LEFT JOIN (SELECT job_id, sum(amount_nanos) AS nanos
               FROM transfers WHERE kind = 'overrun' GROUP BY job_id) t ON t.job_id = h.job_id
 WHERE h.overrun_nanos <> coalesce(t.nanos, 0)

UNION ALL
SELECT 'captures belong to the account that held', t.id,
       format('transfer of %s, hold of %s, lot of %s', t.account_id, h.account_id, l.account_id)
  FROM transfers t
  LEFT JOIN lots l ON l.id = t.lot_id
  LEFT JOIN holds h ON h.job_id = t.job_id
 WHERE t.account_id <> l.account_id
    OR (t.kind IN ('capture', 'overrun', 'shortfall')
        AND (h.job_id IS NULL OR t.account_id <> h.account_id))

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
       format('cost %s, hold %s captured %s, overrun %s', j.cost_nanos, h.state, h.captured_nanos,
              h.overrun_nanos)
  FROM jobs j LEFT JOIN holds h ON h.job_id = j.id
 WHERE (j.state = 'succeeded' OR j.partial)
   AND (h.state IS DISTINCT FROM 'captured'
        OR j.cost_nanos IS DISTINCT FROM h.captured_nanos + h.overrun_nanos)

UNION ALL
SELECT 'only answers cost money', j.id,
       format('%s, captured %s, overrun %s, shortfall %s', j.state, h.captured_nanos,
              h.overrun_nanos, coalesce(t.amount_nanos, 0))
  FROM jobs j
  JOIN holds h ON h.job_id = j.id
  LEFT JOIN transfers t ON t.job_id = j.id AND t.kind = 'shortfall'
 WHERE j.state <> 'succeeded' AND NOT j.partial
   AND h.captured_nanos + h.overrun_nanos + coalesce(t.amount_nanos, 0)
       + coalesce(j.cost_nanos, 0) > 0

UNION ALL
-- Lots of tokens have a price of their own, which may be nothing for a few; without a usage to
-- believe, the hold is what is paid.
SELECT 'what an answer used is paid for by somebody', j.id,
       format('%s in and %s out, cost %s, shortfall %s', j.input_tokens, j.output_tokens,
              j.cost_nanos, coalesce(t.amount_nanos, 0))
  FROM jobs j
  JOIN holds h ON h.job_id = j.id
  JOIN attempts a ON a.job_id = j.id AND a.number = j.attempt
  LEFT JOIN transfers t ON t.job_id = j.id AND t.kind = 'shortfall'
 WHERE j.state = 'succeeded' AND a.flag IS NULL AND j.input_tokens IS NOT NULL
   AND NOT EXISTS (SELECT FROM lots l WHERE l.account_id = j.account_id AND l.tokens IS NOT NULL)
   AND j.cost_nanos + coalesce(t.amount_nanos, 0)
       <> div(j.input_tokens::numeric * h.input_price_nanos
              + j.output_tokens::numeric * h.output_price_nanos + 999999, 1000000)

UNION ALL
SELECT 'refunds of a job are no more than it cost', j.id,
       format('cost %s, refunds %s', coalesce(j.cost_nanos, 0), sum(l.amount_nanos))
  FROM lots l JOIN jobs j ON j.id = split_part(l.reference, ' ', 3)
 WHERE l.source = 'refund'
 GROUP BY j.id, j.cost_nanos
HAVING sum(l.amount_nanos) > coalesce(j.cost_nanos, 0)

UNION ALL
SELECT 'a replenishment is a purchase that was done once', l.id,
       format('%s of %s for %s, purchases %s of %s for %s', l.source, l.amount_nanos, l.account_id,
              count(r.id), min(r.amount_nanos), min(r.account_id))
  FROM lots l LEFT JOIN replenishments r ON r.lot_id = l.id
 WHERE l.source = 'replenishment' OR r.id IS NOT NULL
 GROUP BY l.id
HAVING l.source <> 'replenishment' OR count(r.id) <> 1 OR min(r.amount_nanos) <> l.amount_nanos
    OR min(r.account_id) <> l.account_id

UNION ALL
SELECT 'a window holds and has spent what its holds did', w.cap_id,
       format('since %s: held %s, open holds %s; spent %s, closed holds %s', w.starts_on,
              w.held_nanos, coalesce(h.held, 0), w.spent_nanos, coalesce(h.spent, 0))
  FROM cap_windows w
  LEFT JOIN (SELECT c.cap_id, c.starts_on,
                    sum(h.amount_nanos) FILTER (WHERE h.state = 'open') AS held,
                    sum(h.captured_nanos + h.overrun_nanos) AS spent
               FROM hold_caps c JOIN holds h ON h.job_id = c.job_id
              GROUP BY c.cap_id, c.starts_on) h
    ON h.cap_id = w.cap_id AND h.starts_on = w.starts_on
 WHERE w.held_nanos <> coalesce(h.held, 0) OR w.spent_nanos <> coalesce(h.spent, 0)

UNION ALL
SELECT 'a hold counts under the caps of its own account and key', j.id,
       format('%s cap %s of %s on %s', c.scope, c.id, c.account_id, c.subject_id)
  FROM hold_caps h
  JOIN caps c ON c.id = h.cap_id
  JOIN jobs j ON j.id = h.job_id
 WHERE c.account_id <> j.account_id OR c.subject_id NOT IN (j.account_id, j.key_id)

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
