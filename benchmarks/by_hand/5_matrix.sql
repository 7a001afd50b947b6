-- All signals of all customers, in the order of the file that `churn-risk features` writes. Table: matrix.
-- A signal that looks back further than its table is recorded is null.
CREATE TEMP TABLE beginnings AS
SELECT (SELECT min(invoiced_on) FROM invoices) AS invoices, (SELECT min(valid_from) FROM contacts) AS contacts,
    (SELECT min(sent_at)::DATE FROM surveys) AS surveys, (SELECT min(opened_at)::DATE FROM loops) AS loops,
    (SELECT min(opened_at)::DATE FROM tickets) AS tickets, (SELECT min(done_at)::DATE FROM actions) AS actions,
    (SELECT min(referred_at)::DATE FROM referrals) AS referrals,
    (SELECT min(joined_on) FROM memberships) AS memberships;

CREATE TEMP MACRO unless_short(began, as_of, days, x) AS if(as_of > began AND as_of - began < days, NULL, x);
CREATE TEMP MACRO change(now, before) AS (now - before) / nullif(abs(now) + abs(before), 0);

-- An only invoice that pays for two to five years of the first contract counts a year's part while it does.
CREATE TEMP MACRO of_years(paid, age, t) AS if(round(paid / nullif(t.signed, 0)) BETWEEN 2 AND 5
    AND abs(paid / t.signed - round(paid / t.signed)) <= 0.05
    AND t.signed_age >= age - 31 AND coalesce(t.signed_ended <= age, true)
    AND age <= round(paid / t.signed) * 365.25 + 31, paid / round(paid / t.signed), NULL);
CREATE TEMP MACRO year_of(n, t, days_365) AS
    coalesce(of_years(n.once_sum, n.last_age, t), n.year_sum, days_365, 0);

CREATE TEMP TABLE matrix AS
SELECT s.account_id, s.as_of,
    a.age AS action_age_days,
    unless_short(b.actions, s.as_of, 180, coalesce(a.actions, 0)) AS actions_180d,
    coalesce(p.active, 0) AS contacts_active,
    unless_short(b.contacts, s.as_of, 365, coalesce(p.change, 0)) AS contacts_change_365d,
    unless_short(b.contacts, s.as_of, 365, if(p.told = 0, NULL, coalesce(p.maker_gone, false)))
        AS contacts_decision_maker_left_365d,
    if(p.told = 0, NULL, coalesce(p.makers, 0)) AS contacts_decision_makers,
    unless_short(b.contacts, s.as_of, 365, coalesce(p.gone, 0)) AS contacts_left_365d,
    coalesce(p.active = 1, false) AS contacts_single,
    if(v.told = 0, NULL, ps.share) AS contacts_surveyed_share,
    unless_short(greatest(b.contacts, b.invoices), s.as_of, 365,
        year_of(n, t, i.days_365) / nullif(p.active, 0)) AS revenue_per_contact,
    t.days_to_end AS contract_days_to_end, t.price_change AS contract_price_change,
    coalesce(t.terms, 0) AS contract_terms, coalesce(t.value, 0) AS contract_value,
    unless_short(b.loops, s.as_of, 365, l.p50) AS loop_close_hours_p50_365d,
    unless_short(b.loops, s.as_of, 365, l.p90) AS loop_close_hours_p90_365d,
    unless_short(b.loops, s.as_of, 360, l.trend) AS loop_close_hours_trend,
    unless_short(b.loops, s.as_of, 365, l.on_time) AS loop_closed_48h_share_365d,
    coalesce(l.oldest, 0) AS loop_open_oldest_days, coalesce(ls.open, 0) AS loops_detractor_open,
    coalesce(l.never, 0) AS loops_never_closed, coalesce(l.open, 0) AS loops_open,
    unless_short(b.loops, s.as_of, 365, coalesce(l.opened, 0)) AS loops_opened_365d,
    coalesce(m.active, 0) AS memberships_active,
    unless_short(b.memberships, s.as_of, 365, coalesce(m.gone, 0)) AS memberships_left_365d,
    v.answer_months AS nps_answer_age_months, w.change AS nps_change_waves, vm.last AS nps_decision_maker_last,
    unless_short(b.surveys, s.as_of, 365, vs.detractors) AS nps_detractor_share,
    v.last AS nps_last,
    unless_short(b.surveys, s.as_of, 365, v.mean) AS nps_mean_365d,
    unless_short(b.surveys, s.as_of, 365, v.relationship_mean) AS nps_relationship_mean_365d,
    unless_short(b.surveys, s.as_of, 365, v.slope) AS nps_slope_365d,
    unless_short(b.surveys, s.as_of, 365, v.transactional_mean) AS nps_transactional_mean_365d,
    unless_short(b.surveys, s.as_of, 365, v.volatility) AS nps_volatility_365d,
    d.repeats AS purchase_repeat_days, d.span AS purchase_span_days,
    unless_short(b.referrals, s.as_of, 365, coalesce(r.made, 0)) AS referrals_made_365d,
    coalesce(r.waiting, 0) AS referrals_not_contacted, coalesce(r.won, 0) AS referrals_won,
    unless_short(b.surveys, s.as_of, 365, v.delay) AS answer_delay_hours_p50_365d,
    unless_short(b.surveys, s.as_of, 360, v.delay_trend) AS answer_delay_hours_trend,
    unless_short(b.surveys, s.as_of, 360, if(v.told = 0, NULL, coalesce(vc.fell_silent, 0))) AS contacts_fell_silent,
    coalesce(v.in_a_row, 0) AS invitations_unanswered_in_a_row,
    unless_short(b.surveys, s.as_of, 180, v.rate) AS response_rate_180d,
    unless_short(b.surveys, s.as_of, 360, v.rate_before) AS response_rate_before,
    unless_short(b.surveys, s.as_of, 360, v.rate_before - v.rate) AS response_rate_drop,
    coalesce(v.never_answered, false) AS silence_never_answered, v.id IS NULL AS silence_never_surveyed,
    unless_short(b.surveys, s.as_of, 360, coalesce(v.once_responsive, false)) AS silence_once_responsive,
    unless_short(b.invoices, s.as_of, 365, i.credited) AS credit_note_share_365d,
    unless_short(b.invoices, s.as_of, 180, coalesce(i.days_180, 0)) AS revenue_180d,
    unless_short(b.invoices, s.as_of, 365, year_of(n, t, i.days_365)) AS revenue_365d,
    unless_short(b.invoices, s.as_of, 90, coalesce(i.days_90, 0)) AS revenue_90d,
    coalesce(i.faded, 0) AS revenue_faded_halflife_365, bl.largest AS revenue_largest_month_share,
    unless_short(b.invoices, s.as_of, 360, change(coalesce(n.days_180, i.days_180),
        coalesce(n.days_180_before, i.days_180_before))) AS revenue_trend_180d,
    unless_short(b.invoices, s.as_of, 180, change(coalesce(n.days_90, i.days_90),
        coalesce(n.days_90_before, i.days_90_before))) AS revenue_trend_90d,
    unless_short(b.invoices, s.as_of, 730, if(of_years(n.once_sum, n.last_age, t) IS NOT NULL, (n.last_age <= 396.25)::INTEGER,
        change(coalesce(n.days_365, i.days_365), coalesce(n.days_365_before, i.days_365_before)))) AS revenue_yoy_365d,
    unless_short(b.invoices, s.as_of, 455, change(coalesce(n.days_90, i.days_90),
        coalesce(n.days_90_last_year, i.days_90_last_year))) AS revenue_yoy_90d,
    coalesce(d.days_180, 0) AS invoice_days_halflife_180, coalesce(d.days_30, 0) AS invoice_days_halflife_30,
    d.gap AS invoice_gap_p50_days, coalesce(bl.months, 0) AS invoice_months_halflife_365,
    d.recency / nullif(d.gap, 0) AS invoice_overdue_ratio, d.recency AS invoice_recency_days,
    coalesce(d.strength, 0) AS invoice_strength_halflife_180,
    unless_short(b.invoices, s.as_of, 365, coalesce(i.invoices_365d, 0)) AS invoices_365d,
    unless_short(b.invoices, s.as_of, 90, coalesce(i.invoices_90d, 0)) AS invoices_90d,
    ac.country AS account_country, ac.industry AS account_industry, ac.segment AS account_segment,
    s.as_of - ac.customer_since AS tenure_days,
    unless_short(b.tickets, s.as_of, 365, k.p50) AS ticket_close_hours_p50_365d,
    unless_short(b.tickets, s.as_of, 365, k.p90) AS ticket_close_hours_p90_365d,
    unless_short(b.tickets, s.as_of, 360, k.trend) AS ticket_close_hours_trend,
    unless_short(b.tickets, s.as_of, 365, k.on_time) AS ticket_closed_48h_share_365d,
    coalesce(k.oldest, 0) AS ticket_open_oldest_days,
    unless_short(b.tickets, s.as_of, 180, coalesce(k.change, 0)) AS tickets_change_90d,
    unless_short(b.tickets, s.as_of, 365, if(k.id IS NULL, 0, k.defects)) AS tickets_defects_365d,
    coalesce(k.never, 0) AS tickets_never_closed, coalesce(k.open, 0) AS tickets_open,
    unless_short(b.tickets, s.as_of, 365, coalesce(k.opened, 0)) AS tickets_opened_365d,
    unless_short(b.tickets, s.as_of, 365, if(k.id IS NULL, 0, k.severe)) AS tickets_severe_365d
FROM spine s CROSS JOIN beginnings b JOIN accounts ac USING (account_id)
LEFT JOIN by_invoice i USING (id) LEFT JOIN by_day d USING (id) LEFT JOIN by_block bl USING (id)
LEFT JOIN by_period n USING (id) LEFT JOIN by_survey v USING (id) LEFT JOIN by_wave w USING (id)
LEFT JOIN by_contact vc USING (id) LEFT JOIN by_contact_score vs USING (id) LEFT JOIN by_maker vm USING (id)
LEFT JOIN by_ticket k USING (id) LEFT JOIN by_loop l USING (id) LEFT JOIN by_scored_loop ls USING (id)
LEFT JOIN by_person p USING (id) LEFT JOIN by_surveyed ps USING (id) LEFT JOIN by_term t USING (id)
LEFT JOIN by_action a USING (id) LEFT JOIN by_referral r USING (id) LEFT JOIN by_membership m USING (id)
ORDER BY s.id;
