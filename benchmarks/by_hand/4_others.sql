-- Tickets, loops, contacts, contracts and the small tables. Tables: by_ticket, by_loop, by_scored_loop, by_person,
-- by_surveyed, by_term, by_action, by_referral, by_membership.
-- A case is on time within 48 hours and half a second.
CREATE TEMP TABLE by_ticket AS
SELECT id, count(*) FILTER (age <= 365) AS opened, count(*) FILTER (age <= 90)
        - count(*) FILTER (age > 90 AND age <= 180) AS change,
    if(count(kind) = 0, NULL, count(*) FILTER (age <= 365 AND kind = 'defect')) AS defects,
    if(count(severity) = 0, NULL, count(*) FILTER (age <= 365 AND severity IN ('high', 'critical'))) AS severe,
    median(hours) FILTER (closed_age <= 365) AS p50, quantile_cont(hours, 0.9) FILTER (closed_age <= 365) AS p90,
    median(hours) FILTER (closed_age <= 180) - median(hours) FILTER (closed_age > 180 AND closed_age <= 360) AS trend,
    avg(coalesce(hours <= 48 + 0.5 / 3600, false)::INTEGER) FILTER (age > 2 AND age <= 365) AS on_time,
    count(*) FILTER (closed_age IS NULL) AS open, max(age) FILTER (closed_age IS NULL) AS oldest,
    count(*) FILTER (closed_age IS NULL AND age > 90) AS never
FROM (
    SELECT id, kind, severity, (seconds - epoch(opened_at)) / 86400 AS age,
        if(closed_at < as_of, (seconds - epoch(closed_at)) / 86400, NULL) AS closed_age,
        if(closed_at < as_of, (epoch(closed_at) - epoch(opened_at)) / 3600, NULL) AS hours
    FROM spine JOIN tickets USING (account_id) WHERE opened_at < as_of
)
GROUP BY id;

CREATE TEMP TABLE seen_loops AS
SELECT id, survey_id, (seconds - epoch(opened_at)) / 86400 AS age,
    if(closed_at < as_of, (seconds - epoch(closed_at)) / 86400, NULL) AS closed_age,
    if(closed_at < as_of, (epoch(closed_at) - epoch(opened_at)) / 3600, NULL) AS hours
FROM spine JOIN loops USING (account_id) WHERE opened_at < as_of;

CREATE TEMP TABLE by_loop AS
SELECT id, count(*) FILTER (age <= 365) AS opened,
    median(hours) FILTER (closed_age <= 365) AS p50, quantile_cont(hours, 0.9) FILTER (closed_age <= 365) AS p90,
    median(hours) FILTER (closed_age <= 180) - median(hours) FILTER (closed_age > 180 AND closed_age <= 360) AS trend,
    avg(coalesce(hours <= 48 + 0.5 / 3600, false)::INTEGER) FILTER (age > 2 AND age <= 365) AS on_time,
    count(*) FILTER (closed_age IS NULL) AS open, max(age) FILTER (closed_age IS NULL) AS oldest,
    count(*) FILTER (closed_age IS NULL AND age > 90) AS never
FROM seen_loops GROUP BY id;

CREATE TEMP TABLE by_scored_loop AS
SELECT id, count(*) AS open FROM seen_loops JOIN seen_surveys USING (id, survey_id)
WHERE closed_age IS NULL AND score <= 6 GROUP BY id;

CREATE TEMP TABLE seen_contacts AS
SELECT id, contact_id, decision_maker, as_of - valid_from AS age,
    if(valid_to < as_of, as_of - valid_to, NULL) AS left_age
FROM spine JOIN contacts USING (account_id) WHERE valid_from < as_of;

CREATE TEMP TABLE by_person AS
SELECT id, count(*) FILTER (left_age IS NULL) AS active, count(decision_maker) AS told,
    count(*) FILTER (left_age <= 365) AS gone, count(*) FILTER (left_age <= 365 AND decision_maker) > 0 AS maker_gone,
    count(*) FILTER (left_age IS NULL AND decision_maker) AS makers,
    active - count(*) FILTER (age > 365 AND (left_age IS NULL OR left_age <= 365)) AS change
FROM seen_contacts GROUP BY id;

CREATE TEMP TABLE by_surveyed AS
SELECT id, avg((invited IS NOT NULL)::INTEGER) AS share
FROM seen_contacts LEFT JOIN (SELECT DISTINCT id, contact_id, 1 AS invited FROM seen_surveys) USING (id, contact_id)
WHERE left_age IS NULL GROUP BY id;

CREATE TEMP TABLE by_term AS
WITH rows AS (
    SELECT id, as_of - starts_on AS age, as_of - ends_on AS ended_age, annual_value, price_change
    FROM spine JOIN (SELECT * REPLACE (if(year(ends_on) >= 2150, NULL, ends_on) AS ends_on) FROM contracts)
        USING (account_id)
    WHERE starts_on < as_of
),
latest AS (SELECT id, min(age) AS latest, max(age) AS first FROM rows GROUP BY id)
SELECT id, sum(annual_value) FILTER (coalesce(ended_age <= 0, true)) AS value, count(*) AS terms,
    sum(annual_value) FILTER (age = first) AS signed, max(age) AS signed_age,
    max(ended_age) FILTER (age = first) AS signed_ended,
    if(count(*) > count(ended_age), NULL, -min(ended_age)) AS days_to_end,
    avg(price_change) FILTER (age = latest) AS price_change
FROM rows JOIN latest USING (id) GROUP BY id;

CREATE TEMP TABLE by_action AS
SELECT id, count(*) FILTER (age <= 180) AS actions, min(age) AS age
FROM (
    SELECT id, (seconds - epoch(done_at)) / 86400 AS age
    FROM spine JOIN actions USING (account_id) WHERE done_at < as_of
)
GROUP BY id;

CREATE TEMP TABLE by_referral AS
SELECT id, count(*) FILTER (epoch(referred_at) >= seconds - 365 * 86400) AS made,
    count(*) FILTER (won_at < as_of) AS won,
    count(*) FILTER (epoch(referred_at) < seconds - 30 * 86400 AND (contacted_at IS NULL OR contacted_at >= as_of))
        AS waiting
FROM spine JOIN referrals USING (account_id) WHERE referred_at < as_of GROUP BY id;

CREATE TEMP TABLE by_membership AS
SELECT id, count(*) FILTER (left_on IS NULL OR left_on >= as_of) AS active,
    count(*) FILTER (left_on < as_of AND as_of - left_on <= 365) AS gone
FROM spine JOIN memberships USING (account_id) WHERE joined_on < as_of GROUP BY id;
