-- Who is a customer at each date, and which invoices cancel each other. Tables: invoices_paired, spine.
-- Before: a view of each table's file, and `dates` (as_of DATE).

-- A credit note closes the innermost open invoice of its account and amount; only such amounts are looked at.
CREATE TEMP TABLE invoices_paired AS
WITH credited AS (SELECT DISTINCT account_id, -amount AS size FROM invoices WHERE amount < 0),
levels AS (
    SELECT invoice_id, i.account_id, invoiced_on, size, sign(amount) AS step,
        sum(sign(amount)) OVER (PARTITION BY i.account_id, size ORDER BY invoiced_on, amount DESC, invoice_id
            ROWS UNBOUNDED PRECEDING) + (amount < 0)::INTEGER AS level
    FROM invoices i JOIN credited c ON i.account_id = c.account_id AND abs(i.amount) = c.size
),
neighbours AS (
    SELECT *, lead(invoiced_on) OVER w AS next_on, lag(invoiced_on) OVER w AS last_on FROM levels
    WINDOW w AS (PARTITION BY account_id, size, level ORDER BY invoiced_on, step DESC, invoice_id)
),
reversed AS (
    SELECT invoice_id, if(step > 0, next_on, invoiced_on) AS reversed_on FROM neighbours
    WHERE if(step > 0, next_on - invoiced_on, invoiced_on - last_on) <= 30
)
SELECT account_id, invoiced_on, amount, reversed_on FROM invoices LEFT JOIN reversed USING (invoice_id);

CREATE TEMP TABLE spine AS
WITH departed AS (
    SELECT account_id, as_of, max(churned_on) AS left_on FROM churns, dates WHERE churned_on < as_of GROUP BY ALL
),
returned AS (
    SELECT d.account_id, d.as_of FROM departed d JOIN accounts a USING (account_id)
    WHERE a.customer_since > d.left_on AND a.customer_since < d.as_of
    UNION
    SELECT d.account_id, d.as_of FROM departed d JOIN contracts c USING (account_id)
    WHERE c.starts_on > d.left_on AND c.starts_on < d.as_of
    UNION
    SELECT d.account_id, d.as_of FROM departed d JOIN invoices_paired i USING (account_id)
    WHERE i.amount > 0 AND i.invoiced_on > d.left_on + 90 AND i.invoiced_on < d.as_of
        AND (i.reversed_on IS NULL OR i.reversed_on >= d.as_of)
)
SELECT row_number() OVER (ORDER BY account_id, as_of)::INTEGER AS id, account_id, as_of, epoch(as_of) AS seconds
FROM (SELECT account_id, as_of FROM accounts, dates WHERE customer_since < as_of)
ANTI JOIN (FROM departed ANTI JOIN returned USING (account_id, as_of)) USING (account_id, as_of);
