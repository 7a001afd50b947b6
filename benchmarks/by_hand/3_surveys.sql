-- Scores, response and silence. Tables: seen_surveys (an invitation as a row of the spine saw it), by_survey, by_wave,
-- by_contact, by_contact_score, by_maker.
CREATE TEMP TABLE seen_surveys AS
SELECT id, survey_id, kind, if(coalesce(anonymous, false), NULL, contact_id) AS contact_id,
    (seconds - epoch(sent_at)) / 86400 AS age,
    if(answered_at < as_of, (seconds - epoch(answered_at)) / 86400, NULL) AS answered_age,
    if(answered_at < as_of, (epoch(answered_at) - epoch(sent_at)) / 3600, NULL) AS hours,
    if(answered_at < as_of, score, NULL) AS score
FROM spine JOIN surveys USING (account_id)
WHERE sent_at < as_of AND (bounced_at IS NULL OR bounced_at >= as_of);

CREATE TEMP TABLE survey_edges AS
SELECT id, min(age) FILTER (answered_age IS NOT NULL) AS last_answered,
    min(answered_age) FILTER (score IS NOT NULL) AS last_scored,
    min(age) FILTER (score IS NOT NULL AND kind = 'relationship') AS wave
FROM seen_surveys GROUP BY id;

CREATE TEMP TABLE by_survey AS
WITH rows AS (
    SELECT *, answered_age IS NOT NULL AS answered, answered OR age > 14 AS judged,
        score IS NOT NULL AND answered_age <= 365 AS recent
    FROM seen_surveys JOIN survey_edges USING (id)
)
SELECT id, count(contact_id) AS told,
    avg(answered::INTEGER) FILTER (judged AND age <= 180) AS rate,
    avg(answered::INTEGER) FILTER (judged AND age > 180 AND age <= 360) AS rate_before,
    count(*) FILTER (judged AND (last_answered IS NULL OR age < last_answered)) AS in_a_row,
    median(hours) FILTER (age <= 365) AS delay,
    median(hours) FILTER (age <= 180) - median(hours) FILTER (age > 180 AND age <= 360) AS delay_trend,
    count(*) FILTER (judged) > 0 AND count(*) FILTER (answered) = 0 AS never_answered,
    count(*) FILTER (judged AND age <= 180) > 0 AND count(*) FILTER (answered AND age <= 180) = 0
        AND count(*) FILTER (answered AND age > 180) > 0 AS once_responsive,
    min(answered_age) FILTER (score IS NOT NULL) / 30.4375 AS answer_months,
    avg(score) FILTER (answered_age = last_scored) AS last,
    avg(score) FILTER (recent) AS mean,
    avg(score) FILTER (recent AND kind = 'relationship') AS relationship_mean,
    avg(score) FILTER (recent AND kind = 'transactional') AS transactional_mean,
    if(max(answered_age) FILTER (recent) - min(answered_age) FILTER (recent) >= 1,
        regr_slope(score, -answered_age / 365.25) FILTER (recent), NULL) AS slope,
    stddev_samp(score) FILTER (recent) AS volatility,
    avg(score) FILTER (kind = 'relationship' AND age <= wave + 60) AS wave_mean,
    min(age) FILTER (score IS NOT NULL AND kind = 'relationship' AND age > wave + 60) AS second_wave
FROM rows GROUP BY id;

CREATE TEMP TABLE by_wave AS
SELECT id, any_value(wave_mean) - avg(score) AS change
FROM seen_surveys JOIN by_survey USING (id)
WHERE score IS NOT NULL AND kind = 'relationship' AND age >= second_wave AND age <= second_wave + 60
GROUP BY id;

CREATE TEMP TABLE by_contact AS
SELECT id, count(*) FILTER (before > 0 AND invited > 0 AND answered = 0) AS fell_silent
FROM (
    SELECT id, count(*) FILTER (age <= 180) AS invited,
        count(*) FILTER (age <= 180 AND answered_age IS NOT NULL) AS answered,
        count(*) FILTER (age > 180 AND answered_age IS NOT NULL) AS before
    FROM seen_surveys WHERE contact_id IS NOT NULL AND (answered_age IS NOT NULL OR age > 14)
    GROUP BY id, contact_id
)
GROUP BY id;

CREATE TEMP TABLE by_contact_score AS
WITH instants AS (
    SELECT id, contact_id, answered_age, avg(score) AS score FROM seen_surveys
    WHERE answered_age <= 365 AND score IS NOT NULL AND contact_id IS NOT NULL GROUP BY ALL
),
latest AS (SELECT id, arg_min(score, answered_age) AS score FROM instants GROUP BY id, contact_id)
SELECT id, avg((score <= 6)::INTEGER) AS detractors FROM latest GROUP BY id;

CREATE TEMP TABLE by_maker AS
WITH makers AS (
    SELECT id, contact_id FROM spine JOIN contacts USING (account_id)
    WHERE decision_maker AND valid_from < as_of AND NOT coalesce(valid_to < as_of, false)
),
instants AS (
    SELECT id, answered_age, avg(score) AS score FROM seen_surveys SEMI JOIN makers USING (id, contact_id)
    WHERE score IS NOT NULL GROUP BY ALL
)
SELECT id, arg_min(score, answered_age) AS last FROM instants GROUP BY id;
