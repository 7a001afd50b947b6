"""Made-up exports in the shapes of real systems, each with the trap that its system is known for."""

from __future__ import annotations

DATEV_HEAD = (
    '"EXTF";700;21;"Buchungsstapel";13;20250130140440439;;"RE";"";"";29098;55003;20250701;4;20250701;20260630;"Stapel";'
    '"WD";1;0;0;"EUR";;"";;;"03";;;"";""\r\n'
    "Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;Kurs;Basis-Umsatz;WKZ Basis-Umsatz;Konto;"
    "Gegenkonto (ohne BU-Schlüssel);BU-Schlüssel;Belegdatum;Belegfeld 1;Belegfeld 2;Skonto;Buchungstext\r\n"
)
#: The customer in Konto and in Gegenkonto; a payment with discount; a reversal by key 20; francs; no decimals.
DATEV = DATEV_HEAD + "".join(
    f"{amount};\"{side}\";\"{foreign}\";;{base};\"\";{konto};{other};\"{key}\";{day};\"{document}\";\"\";;\"Möbel\"\r\n"
    for amount, side, foreign, base, konto, other, key, day, document in (
        ("1190,00", "S", "", "", 12000, 8400, "", "0207", "R1"),
        ("119", "H", "", "", 8400, 12001, "", "1112", "R2"),
        ("1166,20", "S", "", "", 1200, 12000, "", "1507", "R1"),
        ("23,80", "S", "", "", 8736, 12000, "", "1507", "R1"),
        ("35,70", "S", "", "", 12001, 8400, "", "0301", "R3"),
        ("35,70", "H", "", "", 12001, 8400, "20", "0301", "R3"),
        ("124,00", "H", "CHF", "100,00", 8400, 12002, "", "2702", ""),
        ("500,00", "S", "", "", 4930, 71000, "", "2702", "E1"),
        ("11,90", "S", "", "", 12001, 8400, "", "0104", "R4"),
        ("11,90", "S", "", "", 12001, 8401, "", "0104", "R4"),
    )
)  # fmt: skip
_MASTER_COLUMNS = (
    "Konto;Name (Adressatentyp Unternehmen);Name (Adressatentyp natürl. Person);"
    "Vorname (Adressatentyp natürl. Person);Name (Adressatentyp keine Angabe);Adressatentyp;EU-Land;EU-USt-IdNr.;Ort;"
    "Land;E-Mail\r\n"
)
DATEV_MASTERS = (
    DATEV_HEAD.splitlines()[0] + "\r\n" + _MASTER_COLUMNS + "12000;Nordwind GmbH;;;;2;DE;;Köln;DE;\r\n"
    "12001;;Möbius;Änne;;1;;;Bonn;DE;\r\n70001;Supplier;;;;2;;;;DE;\r\n"
)
SAP = """Debitor  *
------------------------------------------------------------------
|   St|Konto     |Belegnr   |Art|Belegdatum|   Betr. in HW|Text    |
|-----|----------|----------|---|----------|--------------|--------|
|     |0000012000|1800000001|RV |02.01.2025|     1.190,00 |a|b     |
|     |0000012000|1800000001|RV |02.01.2025|       119,00 |        |
|     |0000012000|1400000007|DZ |15.01.2025|     1.309,00-|payment |
|     |12001     |1800000002|DG |03.02.2025|        11,90-|credit  |
|-----|----------|----------|---|----------|--------------|--------|
| *   |          |          |   |          |        11,90-|        |
"""
QUALTRICS = (
    "StartDate,EndDate,Status,Progress,Finished,RecordedDate,ResponseId,ExternalReference,DistributionChannel,"
    "Q1_NPS_GROUP,Q1\n"
    'Anfang,Ende,Art,Stand,Beendet,Erfasst,Antwort,Referenz,Kanal,Gruppe,"Würden Sie uns\n\nempfehlen?"\n'
    + ",".join(
        f'"{{""ImportId"":""{name}""{zone}}}"'
        for name, zone in (
            ("startDate", ',""timeZone"":""America/Denver""'),
            ("endDate", ',""timeZone"":""America/Denver""'),
            ("status", ""),
            ("progress", ""),
            ("finished", ""),
            ("recordedDate", ',""timeZone"":""America/Denver""'),
            ("_recordId", ""),
            ("externalDataReference", ""),
            ("distributionChannel", ""),
            ("QID1_NPS_GROUP", ""),
            ("QID1", ""),
        )
    )
    + "\n2025-07-01 03:00:00,2025-07-01 03:23:51,IP Address,100,True,2025-07-01 03:23:52,R_1,12000,email,Promoter,9\n"
    '2025-07-02 08:00:00,2025-07-02 08:05:00,0,40,False,2025-07-09 08:05:00,R_2,12001,email,Passive,"8 - Passive"\n'
    "2025-07-03 08:00:00,2025-07-03 08:05:00,Survey Preview,100,True,2025-07-03 08:05:00,R_3,12001,preview,,1\n"
)
HUBSPOT_COMPANIES = (
    "id,is_deleted,property_name,property_createdate,property_industry,property_domain,property_hs_merged_object_ids\n"
    "9001,false,Nordwind Möbel GmbH,2020-01-01 10:00:00,Furniture,nordwind.example,9007;9008\n"
    "9002,false,Südlicht AG,2020-01-01 10:00:00,Light,,\n9003,true,Gone Ltd,2020-01-01 10:00:00,Other,,\n"
)
HUBSPOT_CONTACTS = (
    "id,_fivetran_deleted,property_email,property_firstname,property_lastname,property_createdate,"
    "property_associatedcompanyid,property_hs_merged_object_ids\n"
    "5,FALSE,a@nordwind.example,Ann,Lee,2021-01-01 09:30:00,9007,3;4\n"
    "3,FALSE,b@x.example,Ann,L,2020-05-01 09:30:00,9001,\n"
    "6,FALSE,c@x.example,Bo,Ek,2021-02-01 09:30:00,9002;9001,\n"
)
ZENDESK = (
    "id,organization_id,requester_id,ticket_form_id,created_at,updated_at,status,priority,type,merged_ticket_ids\n"
    "1,700,1,1,2025-02-01T10:00:00Z,2025-02-03T10:00:00Z,closed,urgent,incident,[2]\n"
    "2,700,1,1,2025-02-01T11:00:00Z,2025-02-01T12:00:00Z,closed,,,\n"
    "3,700,1,1,2025-02-02T10:00:00Z,2025-02-03T10:00:00Z,open,low,,[]\n"
    "4,700,1,1,2025-02-02T10:00:00Z,2025-02-03T10:00:00Z,deleted,low,,\n"
)
SERVICENOW = (
    "number,incident_state,sys_mod_count,company,opened_at,closed_at,priority,category\n"
    "INC1,New,0,A1,29-02-2024 01:16,05-03-2024 12:00,3 - Moderate,?\n"
    "INC1,Active,2,A1,29-02-2024 01:16,05-03-2024 12:00,3 - Moderate,Cat\n"
    "INC1,Closed,10,A1,29-02-2024 01:16,05-03-2024 12:00,1 - Critical,Cat\n"
    "INC2,New,0,A1,01-03-2024 01:16,?,3 - Moderate,?\n"
)
JIRA = (
    "Summary,Issue key,Issue Type,Status,Priority,Created,Resolved,Comment,Comment\n"
    '"Two\nlines",X-1,Bug,Done,Blocker,25/Jun/25 12:44,26/Jun/25 08:00,"25/Jun/25;7;hello",\n'
    "One,X-2,Bug,Open,Minor,25/Feb/26 10:17 PM,,,\n"
)
STRIPE_INVOICES = (
    "id,invoice_id,customer_id,currency,period_start,livemode,is_deleted,amount_due,post_payment_credit_notes_amount,"
    "subtotal,tax,total,status\n"
    "l1,in_1,cus_1,eur,2025-01-02 10:00:00,TRUE,FALSE,11900,,10000,1900,11900,paid\n"
    "l2,in_1,cus_1,eur,2025-01-02 10:00:00,TRUE,FALSE,11900,,10000,1900,11900,paid\n"
    "l3,in_2,cus_1,eur,2025-02-02 10:00:00,TRUE,FALSE,500,,500,,500,void\n"
    "l4,in_3,cus_1,eur,2025-03-02 10:00:00,FALSE,FALSE,500,,500,,500,paid\n"
)
STRIPE_CREDIT_NOTES = (
    "id,created,currency,subtotal,total,livemode,status,customer_balance_transaction_id,invoice_id,refund_id\n"
    "cn_1,2025-01-20 10:00:00,eur,2500,2975,TRUE,issued,,in_1,re_1\ncn_2,2025-01-20 10:00:00,eur,1,1,TRUE,void,,in_1,\n"
)
XERO = (
    "invoice_id,contact_id,date,sub_total,total,total_tax,currency_code,line_amount_types,status,type\n"
    "x1,c1,2025-01-02,100,120,20,EUR,Exclusive,PAID,ACCREC\nx1,c1,2025-01-02,100,120,20,EUR,Exclusive,PAID,ACCREC\n"
    "x2,c1,2025-01-03,30,36,6,EUR,Exclusive,PAID,ACCRECCREDIT\nx3,c1,2025-01-03,5,6,1,EUR,Exclusive,VOIDED,ACCREC\n"
    "x4,c2,2025-01-03,5,6,1,EUR,Exclusive,PAID,ACCPAY\n"
)
OPPORTUNITIES = (
    "Id,AccountId,Name,StageName,Amount,CloseDate,IsWon\n006A,001A,Deal,Closed Won,120.5,02/13/24,TRUE\n"
    '006B,001A,Deal,Closed Lost,10,02/03/24,FALSE\n"Grand Totals (2 records)"\n"Confidential Information"\n'
)
