-- Figures of the programme by segment at one date, by hand for DuckDB, as benchmarks/figures.py runs them.
-- The parameter day is the as-of date. Views of the tables of the book have their names. Each statement ends with a mark.
CREATE TEMP TABLE inv AS
WITH e AS (
    SELECT *, abs(amount) AS size, CASE WHEN amount > 0 THEN 1 ELSE -1 END AS sign FROM invoices
    WHERE (account_id, abs(amount)) IN (SELECT account_id, -amount FROM invoices WHERE amount < 0)
), l AS (
    SELECT *, sum(sign) OVER (PARTITION BY account_id, size ORDER BY invoiced_on, sign DESC, invoice_id
        ROWS UNBOUNDED PRECEDING) + CASE WHEN sign < 0 THEN 1 ELSE 0 END AS level FROM e
), n AS (
    SELECT *, lead(invoiced_on) OVER w AS next_on, lag(invoiced_on) OVER w AS last_on FROM l
    WINDOW w AS (PARTITION BY account_id, size, level ORDER BY invoiced_on, sign DESC, invoice_id)
), p AS (
    SELECT invoice_id, CASE WHEN sign > 0 AND next_on - invoiced_on <= 30 THEN next_on
        WHEN sign < 0 AND invoiced_on - last_on <= 30 THEN invoiced_on END AS reversed_on FROM n
)
SELECT i.account_id, i.invoice_id, i.invoiced_on, i.amount, p.reversed_on FROM invoices i LEFT JOIN p USING (invoice_id);
CREATE TEMP TABLE days AS SELECT unnest([$day::DATE, ($day::DATE - INTERVAL 12 MONTH)::DATE]) AS t;
CREATE TEMP TABLE standing AS
WITH spine AS (SELECT account_id, t, customer_since FROM accounts, days WHERE customer_since < t),
departed AS (SELECT account_id, t, max(churned_on) AS gone_on FROM spine JOIN churns USING (account_id)
    WHERE churned_on < t GROUP BY ALL),
back AS (
    SELECT account_id, t FROM departed JOIN inv USING (account_id)
    WHERE invoiced_on < t AND amount > 0 AND (reversed_on IS NULL OR reversed_on >= t) AND invoiced_on > gone_on + 90
    UNION SELECT account_id, t FROM departed JOIN contracts USING (account_id) WHERE starts_on < t AND starts_on > gone_on
    UNION SELECT account_id, t FROM departed JOIN accounts USING (account_id)
    WHERE customer_since < t AND customer_since > gone_on
),
gone AS (SELECT account_id, t FROM departed EXCEPT SELECT account_id, t FROM back),
paired AS (
    SELECT s.account_id, s.t, i.invoice_id, i.amount, s.t - i.invoiced_on AS age, c.annual_value, c.ends_on,
        i.invoiced_on, row_number() OVER (PARTITION BY s.account_id, s.t, i.invoice_id
            ORDER BY c.starts_on DESC NULLS LAST, c.contract_id) AS place
    FROM spine s JOIN inv i ON i.account_id = s.account_id AND i.invoiced_on < s.t
    LEFT JOIN contracts c ON c.account_id = s.account_id AND c.starts_on < s.t AND c.annual_value > 0
        AND c.starts_on <= i.invoiced_on + 31 AND (c.ends_on > i.invoiced_on OR c.ends_on IS NULL)
),
covered AS (
    SELECT account_id, t, amount, age, t - (t - INTERVAL 12 MONTH)::DATE AS year,
        CASE WHEN annual_value IS NULL THEN NULL ELSE greatest(least(abs(amount) / annual_value * 365.25,
            coalesce(ends_on - invoiced_on, 1e18)), 1.0) END AS cover FROM paired WHERE place = 1
),
revenue AS (
    SELECT account_id, t, sum(amount * CASE WHEN cover IS NULL THEN (age <= year)::INT
        ELSE greatest(least(age, year) - greatest(age - cover, 0), 0) / cover END) AS revenue FROM covered GROUP BY ALL
),
signed AS (
    SELECT account_id, t, coalesce(sum(annual_value) FILTER (ends_on >= t OR ends_on IS NULL), 0)
        + CASE WHEN min(t - starts_on) > 1 THEN coalesce(sum(annual_value) FILTER (t - ends_on = 1), 0) ELSE 0 END AS signed,
        count(*) AS contracts
    FROM spine JOIN contracts USING (account_id) WHERE starts_on < t GROUP BY ALL
),
bought AS (SELECT account_id, t, count(*) AS invoices, count(DISTINCT invoiced_on) AS days FROM spine
    JOIN inv USING (account_id)
    WHERE invoiced_on < t AND amount > 0 AND (reversed_on IS NULL OR reversed_on >= t) GROUP BY ALL)
SELECT s.account_id, s.t, g.t IS NULL AS is_customer,
    CASE WHEN g.t IS NULL THEN coalesce(revenue, 0) ELSE 0 END AS invoiced,
    CASE WHEN g.t IS NULL THEN coalesce(signed, 0) ELSE 0 END AS contracted,
    coalesce(invoices, 0) > 0 AS has_bought, coalesce(contracts, 0) > 0 AS has_signed, days
FROM spine s LEFT JOIN gone g USING (account_id, t) LEFT JOIN revenue USING (account_id, t)
LEFT JOIN signed USING (account_id, t) LEFT JOIN bought USING (account_id, t);
CREATE TEMP TABLE ends AS
SELECT n.account_id, a.segment, n.is_customer, w.account_id IS NOT NULL AS was_known,
    coalesce(w.is_customer, false) AS was_customer, n.invoiced, n.contracted, coalesce(w.invoiced, 0) AS was_invoiced,
    coalesce(w.contracted, 0) AS was_contracted, coalesce(w.has_bought, false) AS old_buyer,
    coalesce(w.has_signed, false) AS old_signer, n.days
FROM standing n JOIN accounts a USING (account_id)
LEFT JOIN standing w ON w.account_id = n.account_id AND w.t = ($day::DATE - INTERVAL 12 MONTH)::DATE
WHERE n.t = $day::DATE;
CREATE TEMP TABLE customers AS SELECT account_id, segment, invoiced, was_invoiced, days FROM ends WHERE is_customer;
CREATE TEMP TABLE moved AS
WITH m AS (
    SELECT segment, 'invoiced' AS basis, was_invoiced AS was, invoiced AS now, old_buyer AS old FROM ends
    UNION ALL SELECT segment, 'contracted', was_contracted, contracted, old_signer FROM ends
)
SELECT segment, basis, sum(was) AS opening, sum(now) AS closing,
    coalesce(sum(now - was) FILTER (was <= 0 AND now > 0 AND NOT old), 0) AS new,
    coalesce(sum(now - was) FILTER (was <= 0 AND now > 0 AND old), 0) AS reactivated,
    coalesce(sum(now - was) FILTER (was > 0 AND now <= 0), 0) AS lost,
    coalesce(sum(now - was) FILTER (was > 0 AND now > 0 AND now < was), 0) AS contracted_by,
    coalesce(sum(now - was) FILTER (was > 0 AND now > 0 AND now >= was), 0) AS expanded_by,
    coalesce(sum(now - was) FILTER (was <= 0 AND now <= 0), 0) AS other
FROM m GROUP BY GROUPING SETS ((basis), (basis, segment));
CREATE TEMP TABLE said AS
SELECT c.segment, c.account_id, s.kind, s.score, c.invoiced, coalesce(s.anonymous, false) AS hidden, s.answered_at,
    s.survey_id, {'contact': CASE WHEN NOT hidden THEN s.contact_id END, 'alone': CASE WHEN hidden THEN s.survey_id END} AS who,
    s.answered_at >= $day::DATE - INTERVAL 4380 HOUR AS lately
FROM customers c JOIN surveys s USING (account_id)
WHERE s.sent_at < $day::DATE AND (s.bounced_at IS NULL OR s.bounced_at >= $day::DATE) AND s.score IS NOT NULL
    AND s.answered_at < $day::DATE AND s.answered_at >= $day::DATE - INTERVAL 365 DAY;
CREATE TEMP TABLE answered AS
SELECT segment, account_id, kind, score, invoiced, hidden FROM said
QUALIFY row_number() OVER (PARTITION BY account_id, kind, who ORDER BY answered_at DESC, survey_id DESC) = 1;
CREATE TEMP TABLE halves AS
SELECT segment, lately, score, hidden FROM said WHERE kind = 'relationship'
QUALIFY row_number() OVER (PARTITION BY account_id, who, lately ORDER BY answered_at DESC, survey_id DESC) = 1;
CREATE TEMP TABLE shown AS
SELECT * FROM answered QUALIFY NOT (bool_or(hidden) OVER (PARTITION BY account_id, kind)
    AND count(*) OVER (PARTITION BY account_id, kind) < 5);
CREATE TEMP TABLE voiced AS
SELECT c.segment, c.account_id, c.invoiced, c.was_invoiced, count(a.score) AS n,
    count(*) FILTER (a.score >= 9) AS p, count(*) FILTER (a.score BETWEEN 7 AND 8) AS q,
    count(*) FILTER (a.score < 7) AS d, avg(a.score) AS mean, min(a.score) AS worst
FROM customers c LEFT JOIN shown a ON a.account_id = c.account_id AND a.kind = 'relationship' GROUP BY ALL;
CREATE TEMP TABLE contradicting AS
SELECT any_value(segment) AS segment, any_value(invoiced) AS invoiced FROM shown GROUP BY account_id
HAVING count(*) FILTER (kind = 'transactional') >= 3
    AND 100 * (count(*) FILTER (kind = 'transactional' AND score >= 9)
        - count(*) FILTER (kind = 'transactional' AND score < 7)) / count(*) FILTER (kind = 'transactional') >= 50
    AND count(*) FILTER (kind = 'relationship') > 0 AND count(*) FILTER (kind = 'relationship' AND score >= 9)
        <= count(*) FILTER (kind = 'relationship' AND score < 7);
CREATE TEMP TABLE sent AS
SELECT c.segment, c.account_id, s.contact_id, s.kind, epoch($day::DATE::TIMESTAMP - s.sent_at) / 86400 AS age,
    CASE WHEN s.answered_at < $day::DATE THEN epoch($day::DATE::TIMESTAMP - s.answered_at) / 86400 END AS answered
FROM customers c JOIN surveys s USING (account_id)
WHERE s.sent_at < $day::DATE AND (s.bounced_at IS NULL OR s.bounced_at >= $day::DATE);
CREATE TEMP TABLE asked AS
SELECT c.segment, c.account_id, min(age) AS asked, min(answered) AS heard
FROM customers c LEFT JOIN sent s ON s.account_id = c.account_id AND s.kind = 'relationship' GROUP BY ALL;
CREATE TEMP TABLE people AS
SELECT c.segment, k.contact_id, coalesce(any_value(k.decision_maker), false) AS decides, count(s.age) AS sent,
    count(s.answered) AS got
FROM customers c JOIN contacts k USING (account_id)
LEFT JOIN sent s ON s.account_id = c.account_id AND s.contact_id = k.contact_id AND s.age <= 365
WHERE k.valid_from < $day::DATE AND (k.valid_to IS NULL OR k.valid_to >= $day::DATE) AND c.account_id NOT IN
    (SELECT account_id FROM sent WHERE age <= 365 GROUP BY account_id HAVING count(contact_id) = 0) GROUP BY ALL;
CREATE TEMP TABLE looped AS
SELECT c.segment, epoch($day::DATE::TIMESTAMP - l.opened_at) / 86400 AS age,
    CASE WHEN l.closed_at < $day::DATE THEN epoch(l.closed_at - l.opened_at) / 3600 END AS hours
FROM customers c JOIN loops l USING (account_id)
WHERE l.opened_at < $day::DATE AND l.opened_at >= $day::DATE - INTERVAL 365 DAY;
CREATE TEMP TABLE referred AS
SELECT c.segment, c.account_id, r.contacted_at < $day::DATE AS handed,
    coalesce(r.won_at < $day::DATE, false) AS won, epoch(r.contacted_at - r.referred_at) / 3600 AS hours,
    CASE WHEN r.won_at < $day::DATE THEN r.revenue END AS revenue, CASE WHEN r.won_at < $day::DATE THEN r.reward END AS reward
FROM customers c JOIN referrals r USING (account_id)
WHERE r.referred_at < $day::DATE AND r.referred_at >= $day::DATE - INTERVAL 365 DAY;
CREATE TEMP TABLE willing AS
SELECT any_value(segment) AS segment FROM said SEMI JOIN voiced ON voiced.account_id = said.account_id AND voiced.n > 0
ANTI JOIN referred ON referred.account_id = said.account_id
WHERE kind = 'relationship' GROUP BY said.account_id HAVING min(score) >= 9;
CREATE TEMP TABLE brought AS
SELECT e.segment, sum(r.revenue) AS referred FROM ends e JOIN referrals r USING (account_id)
WHERE r.referred_at < $day::DATE AND r.won_at < $day::DATE AND r.won_at >= $day::DATE - INTERVAL 12 MONTH
GROUP BY GROUPING SETS ((), (e.segment));
CREATE TEMP TABLE earned AS
SELECT m.segment, m.basis, opening, expanded_by + contracted_by + lost + reactivated AS base, m.new,
    least(coalesce(referred, 0), m.new) AS proven
FROM moved m LEFT JOIN brought b ON b.segment IS NOT DISTINCT FROM m.segment;
CREATE TEMP TABLE owed AS
WITH due AS (
    SELECT account_id, sum(annual_value) AS due FROM contracts WHERE starts_on < $day::DATE - INTERVAL 12 MONTH
    AND ends_on >= $day::DATE - INTERVAL 12 MONTH AND ends_on < $day::DATE GROUP BY ALL
)
SELECT e.segment, e.was_contracted AS was, e.contracted AS now, least(coalesce(due, 0), was) AS owed
FROM ends e LEFT JOIN due USING (account_id) WHERE e.was_contracted > 0;
CREATE TEMP TABLE found AS
SELECT segment, basis AS part, map {'revenue_opening': opening, 'revenue_new': new, 'revenue_reactivated': reactivated,
    'revenue_expansion': expanded_by, 'revenue_contraction': contracted_by, 'revenue_lost': lost,
    'revenue_unclassified': other, 'revenue_closing': closing, 'grr': (opening + contracted_by + lost) / opening,
    'nrr': (opening + contracted_by + lost + expanded_by) / opening, 'revenue_churn': -lost / opening,
    'nrr_with_reactivation': (opening + contracted_by + lost + expanded_by + reactivated) / opening,
    'one_point_more': closing / 100} AS figures FROM moved
UNION ALL SELECT segment, '', map {'customers_opening': count(*) FILTER (was_customer)::DOUBLE,
    'customers_new': count(*) FILTER (is_customer AND NOT was_known),
    'customers_returned': count(*) FILTER (is_customer AND was_known AND NOT was_customer),
    'customers_lost': count(*) FILTER (was_customer AND NOT is_customer), 'customers_closing': count(*) FILTER (is_customer),
    'logo_churn': count(*) FILTER (was_customer AND NOT is_customer) / count(*) FILTER (was_customer),
    'logo_churn_with_new': count(*) FILTER ((was_customer OR NOT was_known) AND NOT is_customer)
        / count(*) FILTER (was_customer OR NOT was_known)} FROM ends GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'nps_' || kind: CASE WHEN NOT bool_or(hidden) OR count(*) >= 5 THEN
    100.0 * (count(*) FILTER (score >= 9) - count(*) FILTER (score < 7)) / count(*) END}
    FROM answered GROUP BY GROUPING SETS ((kind), (kind, segment))
UNION ALL SELECT segment, basis, map {'earned_growth': (base + proven) / opening,
    'earned_growth_ratio': CASE WHEN base + new > 0 THEN greatest(base + proven, 0) / (base + new) END} FROM earned
UNION ALL SELECT segment, '', map {
    'grr_renewals_due': sum(greatest(0, least(owed, now - (was - owed)))) / sum(owed),
    'nrr_renewals_due': sum(greatest(0, least(owed, now - (was - owed))) + greatest(now - was, 0)) / sum(owed)}
    FROM owed GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'nps_relationship_change':
    CASE WHEN (count(*) FILTER (lately AND hidden) = 0 OR count(*) FILTER (lately) >= 5)
    AND (count(*) FILTER (NOT lately AND hidden) = 0 OR count(*) FILTER (NOT lately) >= 5) THEN
    100.0 * (count(*) FILTER (lately AND score >= 9) - count(*) FILTER (lately AND score < 7)) / count(*) FILTER (lately)
    - 100.0 * (count(*) FILTER (NOT lately AND score >= 9) - count(*) FILTER (NOT lately AND score < 7))
        / count(*) FILTER (NOT lately) END} FROM halves GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'accounts_contradicting': count(*)::DOUBLE,
    'revenue_contradicting': coalesce(sum(invoiced), 0)} FROM contradicting GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'promoters_to_ask': count(*)::DOUBLE}
    FROM willing GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'revenue_customers': sum(invoiced), 'revenue_promoters': sum(invoiced * p / n) FILTER (n > 0),
    'revenue_passives': sum(invoiced * q / n) FILTER (n > 0), 'revenue_detractors': sum(invoiced * d / n) FILTER (n > 0),
    'revenue_unheard': sum(invoiced) FILTER (n = 0),
    'monetised_nps': 100 * sum(invoiced * (p - d) / n) FILTER (n > 0) / sum(invoiced) FILTER (n > 0),
    'monetised_nps_each_answer': 100 * sum(invoiced * (p - d)) / sum(invoiced * n),
    'monetised_nps_mean_score': 100 * sum(invoiced * CASE WHEN mean >= 9 THEN 1 WHEN mean < 7 THEN -1 ELSE 0 END)
        FILTER (n > 0) / sum(invoiced) FILTER (n > 0),
    'monetised_nps_worst_answer': 100 * sum(invoiced * CASE WHEN worst >= 9 THEN 1 WHEN worst < 7 THEN -1 ELSE 0 END)
        FILTER (n > 0) / sum(invoiced) FILTER (n > 0),
    'grid_loyal': count(*) FILTER (mean >= 9 AND invoiced >= was_invoiced),
    'grid_leaving': count(*) FILTER (mean >= 9 AND invoiced < was_invoiced),
    'grid_trapped': count(*) FILTER (mean < 7 AND invoiced >= was_invoiced),
    'grid_lost': count(*) FILTER (mean < 7 AND invoiced < was_invoiced),
    'grid_undecided': count(*) FILTER (mean >= 7 AND mean < 9), 'grid_unheard': count(*) FILTER (n = 0)}
    FROM voiced GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'response_rate':
    count(answered) / count(*)::DOUBLE} FROM sent WHERE age <= 365 AND (answered IS NOT NULL OR age > 14)
    GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'customers_heard': count(*) FILTER (heard <= 365) / count(*)::DOUBLE,
    'customers_never_asked': count(*) FILTER (asked IS NULL),
    'customers_due_to_ask': count(*) FILTER (asked > 91 OR asked IS NULL)}
    FROM asked GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'contacts_asked': count(*) FILTER (sent > 0) / count(*)::DOUBLE,
    'contacts_heard': count(*) FILTER (got > 0) / count(*),
    'decision_makers_heard': count(*) FILTER (decides AND got > 0) / count(*) FILTER (decides)}
    FROM people GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'loops_closed_48h': count(*) FILTER (age > 2 AND hours <= 48)
        / (count(*) FILTER (age > 2))::DOUBLE, 'loops_opened': count(*), 'loops_fast': count(*) FILTER (hours <= 48),
    'loops_late': count(*) FILTER (hours > 48), 'loops_waiting': count(*) FILTER (hours IS NULL AND age <= 2),
    'loops_breached': count(*) FILTER (hours IS NULL AND age > 2 AND age <= 90),
    'loops_never': count(*) FILTER (hours IS NULL AND age > 90)} FROM looped GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'referrals_made': count(*)::DOUBLE,
    'referrals_contacted': count(*) FILTER (handed OR won) / count(*),
    'referrals_won_of_contacted': count(*) FILTER (won) / count(*) FILTER (handed OR won),
    'referral_conversion': count(*) FILTER (won) / count(*), 'referral_revenue': coalesce(sum(revenue), 0),
    'referral_reward_cost': sum(reward) / sum(revenue),
    'referral_hand_over_hours': avg(hours) FILTER (handed)} FROM referred GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'repeat_customer_rate': count(*) FILTER (days > 1) / count(days)::DOUBLE,
    'referral_participation': count(*) FILTER (account_id IN (SELECT account_id FROM referred)) / count(*)}
    FROM customers GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'renewals_due_365d': sum(annual_value),
    'renewals_due_90d': sum(annual_value) FILTER (ends_on - $day::DATE < 90)}
    FROM customers JOIN contracts USING (account_id) WHERE starts_on < $day::DATE AND ends_on >= $day::DATE
    AND ends_on - $day::DATE < 365 GROUP BY GROUPING SETS ((), (segment))
UNION ALL SELECT segment, '', map {'renewals_overdue': sum(annual_value)}
    FROM customers c JOIN contracts k USING (account_id)
    WHERE starts_on < $day::DATE AND $day::DATE - ends_on > 1 AND $day::DATE - ends_on <= 90 AND NOT EXISTS (
        FROM contracts r WHERE r.account_id = c.account_id AND r.starts_on < $day::DATE
        AND (r.ends_on >= $day::DATE OR r.ends_on IS NULL)) GROUP BY GROUPING SETS ((), (segment));
