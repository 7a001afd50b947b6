-- Ten columns of the kinds that the matrix has. Table: matrix.
CREATE TEMP TABLE spine AS SELECT account_id, as_of FROM accounts, dates WHERE customer_since < as_of AND
    NOT EXISTS (FROM churns c WHERE c.account_id = accounts.account_id AND c.churned_on < as_of);

CREATE TEMP TABLE matrix AS SELECT * FROM spine
LEFT JOIN (SELECT account_id, as_of, sum(amount) FILTER (as_of - invoiced_on <= 365) AS revenue_365d,
        sum(amount) FILTER (as_of - invoiced_on <= 90) AS revenue_90d,
        count(*) FILTER (amount > 0 AND as_of - invoiced_on <= 365) AS invoices_365d,
        min(as_of - invoiced_on) FILTER (amount > 0) AS recency
    FROM spine JOIN invoices USING (account_id) WHERE invoiced_on < as_of GROUP BY ALL) USING (account_id, as_of)
LEFT JOIN (SELECT account_id, as_of, avg(score) FILTER (answered_at < as_of) AS nps_mean,
        arg_max(score, answered_at) FILTER (answered_at < as_of) AS nps_last, count(*) AS invitations
    FROM spine JOIN surveys USING (account_id) WHERE sent_at < as_of GROUP BY ALL) USING (account_id, as_of)
LEFT JOIN (SELECT account_id, as_of, count(*) AS tickets,
        median(epoch(closed_at) - epoch(opened_at)) FILTER (closed_at < as_of) / 3600 AS close_hours
    FROM spine JOIN tickets USING (account_id) WHERE opened_at < as_of GROUP BY ALL) USING (account_id, as_of)
LEFT JOIN (SELECT account_id, as_of, count(*) FILTER (closed_at IS NULL OR closed_at >= as_of) AS loops_open
    FROM spine JOIN loops USING (account_id) WHERE opened_at < as_of GROUP BY ALL) USING (account_id, as_of)
ORDER BY account_id, as_of;
