-- Revenue, rhythm and billing. Tables: by_invoice, by_day, by_block, by_period; a row for each row of the spine.
CREATE TEMP TABLE by_invoice AS
SELECT id,
    coalesce(sum(amount) FILTER (age <= 90), 0) AS days_90,
    coalesce(sum(amount) FILTER (age > 90 AND age <= 180), 0) AS days_90_before,
    coalesce(sum(amount) FILTER (age > 365 AND age <= 455), 0) AS days_90_last_year,
    coalesce(sum(amount) FILTER (age <= 180), 0) AS days_180,
    coalesce(sum(amount) FILTER (age > 180 AND age <= 360), 0) AS days_180_before,
    coalesce(sum(amount) FILTER (age <= 365), 0) AS days_365,
    coalesce(sum(amount) FILTER (age > 365 AND age <= 730), 0) AS days_365_before,
    sum(amount * exp(age * ln(0.5) / 365)) AS faded,
    coalesce(-sum(amount) FILTER (age <= 365 AND amount < 0), 0)
        / nullif(sum(amount) FILTER (age <= 365 AND amount > 0), 0) AS credited,
    count(*) FILTER (age <= 365 AND stands) AS invoices_365d,
    count(*) FILTER (age <= 90 AND stands) AS invoices_90d
FROM (
    SELECT id, amount, as_of - invoiced_on AS age,
        amount > 0 AND (reversed_on IS NULL OR reversed_on >= as_of) AS stands
    FROM spine JOIN invoices_paired USING (account_id) WHERE invoiced_on < as_of
)
GROUP BY id;

-- A pair that is not reversed yet changes the days of its account at a few dates. Those dates have a history of their
-- own (`hid`), all other dates of an account share one: what looks back from a day is worked out once for all of them.
CREATE TEMP TABLE histories AS
WITH pending AS (
    SELECT DISTINCT id AS own FROM spine JOIN invoices_paired USING (account_id)
    WHERE invoiced_on < as_of AND reversed_on >= as_of AND amount > 0
)
SELECT id, account_id, as_of, own IS NOT NULL AS is_own,
    if(own IS NOT NULL, -id, min(id) OVER (PARTITION BY account_id)) AS hid
FROM spine LEFT JOIN pending ON own = id;

CREATE TEMP TABLE days AS
WITH kept AS (
    SELECT hid, invoiced_on AS day, amount
    FROM (SELECT DISTINCT hid, account_id FROM histories WHERE NOT is_own) JOIN invoices_paired USING (account_id)
    WHERE reversed_on IS NULL
    UNION ALL
    SELECT hid, invoiced_on, amount FROM histories JOIN invoices_paired USING (account_id)
    WHERE is_own AND invoiced_on < as_of AND (reversed_on IS NULL OR reversed_on >= as_of)
),
daily AS (SELECT hid, day, sum(amount) FILTER (amount > 0) AS billed, sum(amount) AS net FROM kept GROUP BY hid, day),
ordered AS (
    SELECT *, if(billed IS NULL, NULL, day) AS billed_on,
        lag(day) OVER (PARTITION BY hid, billed IS NULL ORDER BY day) AS before_on
    FROM daily
)
SELECT hid, day, billed, net, if(billed IS NULL, NULL, day - before_on) AS gap,
    if(billed IS NULL, NULL, before_on) AS before_on,
    count(billed_on) OVER w AS number, coalesce(max(billed_on) OVER w, day) AS anchor
FROM ordered WINDOW w AS (PARTITION BY hid ORDER BY day ROWS UNBOUNDED PRECEDING);

CREATE TEMP TABLE by_day AS
SELECT id, hid, as_of, max(number) AS number, max(day) AS last_on, count(*) FILTER (age <= 365) AS recent,
    count(*) - 1 AS repeats, max(age) - min(age) AS span, min(age) AS recency, median(gap) AS gap,
    sum(sqrt(billed) * exp(age * ln(0.5) / 180)) AS strength,
    sum(exp(age * ln(0.5) / 180)) AS days_180, sum(exp(age * ln(0.5) / 30)) AS days_30
FROM (SELECT *, as_of - day AS age FROM histories JOIN days USING (hid) WHERE day < as_of AND billed IS NOT NULL)
GROUP BY id, hid, as_of;

CREATE TEMP TABLE by_block AS
SELECT id, max(amount * fade) / nullif(sum(amount * fade), 0) AS largest, sum(fade) AS months
FROM (
    SELECT id, (as_of - day - 1) // 30 AS block, sum(billed) AS amount, exp(block * 30 * ln(0.5) / 365) AS fade
    FROM histories JOIN days USING (hid) WHERE day < as_of AND billed IS NOT NULL GROUP BY id, block
)
GROUP BY id;

-- What holds of an account's billing, by its last billing day: the usual gap of the last five, how regular they are.
CREATE TEMP TABLE rhythms AS
WITH last_five AS (
    SELECT hid, number, day AS last_on, list(gap) OVER five AS gaps, list(before_on) OVER five AS befores
    FROM days WHERE billed IS NOT NULL
    WINDOW five AS (PARTITION BY hid ORDER BY day ROWS BETWEEN 4 PRECEDING AND CURRENT ROW)
),
middles AS (SELECT *, list_median(gaps) AS middle FROM last_five SEMI JOIN by_day USING (hid, number)),
usuals AS (
    SELECT *, list_avg(list_filter(gaps, lambda g: abs(g - middle) <= least(middle * 0.25, 31))) AS usual FROM middles
),
counted AS (
    SELECT *, greatest(floor(365.25 / coalesce(usual, 365.25) + 0.5), 1) AS per_year,
        greatest(floor(coalesce(usual, 365.25) / 365.25 + 0.5), 1) AS years
    FROM usuals
),
periods AS (
    SELECT *, years * 365.25 / per_year AS period, least(years * 365.25 / per_year * 0.25, 31) AS slack FROM counted
),
shares AS (
    SELECT *,
        list_avg(list_transform(gaps, lambda g: (abs(g - period) <= slack)::INTEGER)) AS alike,
        list_avg(list_transform(befores, lambda b: (
            abs((last_on - b) / period - floor((last_on - b) / period + 0.5)) * period <= slack / 2
            AND (last_on - b) / period >= 0.5)::INTEGER)) AS in_step
    FROM periods
)
SELECT hid, number, last_on, usual, per_year, years, period, slack, number = 1 AS once,
    coalesce(alike >= 0.75 OR (alike >= 0.5 AND in_step >= 0.75), false) AND usual IS NOT NULL AS regular,
    greatest(ceil(90 / period), 1) AS held_90, greatest(ceil(180 / period), 1) AS held_180
FROM shares WHERE once OR regular;

CREATE TEMP TABLE by_period AS
WITH placed AS (
    SELECT b.id, r.*, d.net, b.as_of - r.last_on AS last_age,
        (r.last_on - d.anchor) / r.period + 0.5
            + greatest(ceil((b.as_of - r.last_on - r.slack) / r.period) - 1, 0) AS place
    FROM by_day b JOIN rhythms r USING (hid, number) JOIN days d ON d.hid = b.hid AND d.day < b.as_of
    WHERE b.recent <= 60
),
sums AS (
    SELECT id, once, regular, usual, years, last_age, sum(net) AS whole,
        coalesce(sum(net) FILTER (place >= 0 AND place < per_year), 0) AS year,
        coalesce(sum(net) FILTER (place >= per_year AND place < 2 * per_year), 0) AS year_before,
        coalesce(sum(net) FILTER (place >= 0 AND place < held_90), 0) AS days_90,
        coalesce(sum(net) FILTER (place >= held_90 AND place < 2 * held_90), 0) AS days_90_before,
        coalesce(sum(net) FILTER (place >= per_year AND place < per_year + held_90), 0) AS days_90_last_year,
        coalesce(sum(net) FILTER (place >= 0 AND place < held_180), 0) AS days_180,
        coalesce(sum(net) FILTER (place >= held_180 AND place < 2 * held_180), 0) AS days_180_before
    FROM placed GROUP BY ALL
)
SELECT id, if(once, whole, NULL) AS once_sum, last_age, if(once OR usual > 45, year / years, NULL) AS year_sum,
    year AS days_365, year_before AS days_365_before,
    -- Nothing and nothing are not compared.
    COLUMNS('days_(90|180).*') * (NOT once)::INTEGER
FROM sums;
